package jp.ad.sinet.stream.engine.client;

import jp.ad.sinet.stream.api.Acknowledge;
import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.engine.boundary.Description;
import jp.ad.sinet.stream.engine.boundary.Native;

/** When a reader acknowledges its messages. After the end of the reader nothing is acknowledged, and nothing of that is told. */
final class Acknowledgements {
    /** Of a message that the broker waits for no acknowledgement of. */
    private static final long NONE = 0;

    private final long handle;
    private final Acknowledge when;
    private final int tries;

    Acknowledgements(long handle, Description description) {
        this.handle = handle;
        when = description.acknowledge;
        tries = description.processedTries;
    }

    /** What a message that the program is given is acknowledged by; null: it needs no acknowledgement of the program's. */
    Object receipt(long seq) {
        return when == Acknowledge.TAKEN ? null : new Receipt(this, seq);
    }

    /** The same of a message that has not come from the broker. */
    Object receiptOfInjected() {
        return receipt(NONE);
    }

    /** The program has the message. */
    void handedOver(long seq) {
        if (when == Acknowledge.TAKEN) {
            takenUpTo(seq);
        }
    }

    /** The program does not get the message, since it can't be decoded: the next time would be no better. */
    void skipped(long seq) {
        if (when == Acknowledge.TAKEN) {
            takenUpTo(seq);
        } else {
            settle(seq, true);
        }
    }

    /** The callbacks are done with the message: all of them have processed it, or not. */
    void calledBack(long seq, boolean processed) {
        if (when == Acknowledge.TAKEN) {
            takenUpTo(seq);
        } else if (!processed || when == Acknowledge.PROCESSED) {
            settle(seq, processed);
        }
    }

    /** How often a callback that throws gets a message, which has been processed then; 0: once, and the message has failed. */
    int tries() {
        return when == Acknowledge.TAKEN ? 0 : tries;
    }

    /** The program has processed the message. */
    void acknowledge(Message<?> message) {
        Object receipt = message.getReceipt();
        if (receipt instanceof Receipt && ((Receipt) receipt).owner == this) {
            settle(((Receipt) receipt).seq, true);
        } else if (receipt != null || when != Acknowledge.TAKEN) {
            throw new IllegalArgumentException("the message on topic '" + message.getTopic() + "' is not one of this reader's");
        }
    }

    private void takenUpTo(long seq) {
        try {
            Native.taken(handle, seq);
        } catch (SinetStreamException e) {
            // The connection is gone. The message is here all the same; the next read will tell.
        }
    }

    private void settle(long seq, boolean processed) {
        if (seq == NONE) {
            return;
        }
        try {
            if (processed) {
                Native.acknowledge(handle, seq);
            } else {
                Native.failed(handle, seq);
            }
        } catch (SinetStreamException e) {
            // closed meanwhile: the message comes again
        }
    }

    /** Knows the reader without keeping it from being collected as garbage. */
    private static final class Receipt {
        private final Acknowledgements owner;
        private final long seq;

        Receipt(Acknowledgements owner, long seq) {
            this.owner = owner;
            this.seq = seq;
        }
    }
}
