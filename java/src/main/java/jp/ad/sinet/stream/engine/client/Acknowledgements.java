package jp.ad.sinet.stream.engine.client;

import jp.ad.sinet.stream.api.Acknowledge;
import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.engine.boundary.Description;
import jp.ad.sinet.stream.engine.boundary.Native;

/** Decides when a reader acknowledges its messages. After the end of the reader acknowledgements are silently dropped. */
final class Acknowledgements {
    /** The number of a message for which the broker expects no acknowledgement. */
    private static final long NONE = 0;

    private final long handle;
    private final Acknowledge when;
    private final int tries;

    Acknowledgements(long handle, Description description) {
        this.handle = handle;
        when = description.acknowledge;
        tries = description.processedTries;
    }

    /** Returns the receipt by which the program acknowledges a message; null when the program need not acknowledge it. */
    Object receipt(long seq) {
        return when == Acknowledge.TAKEN ? null : new Receipt(this, seq);
    }

    /** Returns the receipt of a message that did not come from the broker. */
    Object receiptOfInjected() {
        return receipt(NONE);
    }

    /** Records that the program has received the message. */
    void handedOver(long seq) {
        if (when == Acknowledge.TAKEN) {
            takenUpTo(seq);
        }
    }

    /**
     * Records that the program does not get the message because it cannot be decoded. It is acknowledged: another delivery
     * would fail in the same way.
     */
    void skipped(long seq) {
        if (when == Acknowledge.TAKEN) {
            takenUpTo(seq);
        } else {
            settle(seq, true);
        }
    }

    /** Records that all callbacks have had the message, and whether all of them have processed it. */
    void calledBack(long seq, boolean processed) {
        if (when == Acknowledge.TAKEN) {
            takenUpTo(seq);
        } else if (!processed || when == Acknowledge.PROCESSED) {
            settle(seq, processed);
        }
    }

    /**
     * Returns how many times a callback that throws is given a message before it counts as processed; 0 means one time, after
     * which the message has failed.
     */
    int tries() {
        return when == Acknowledge.TAKEN ? 0 : tries;
    }

    /** Acknowledges a message that the program has processed. */
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
            // The connection is gone. The program has the message all the same, and the next read reports the loss.
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
            // The client was closed meanwhile, so the broker sends the message again.
        }
    }

    /** The receipt of a message. It does not keep the reader from being garbage collected. */
    private static final class Receipt {
        private final Acknowledgements owner;
        private final long seq;

        Receipt(Acknowledgements owner, long seq) {
            this.owner = owner;
            this.seq = seq;
        }
    }
}
