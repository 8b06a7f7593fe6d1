package jp.ad.sinet.stream.engine.boundary;

import java.time.Duration;

import jp.ad.sinet.stream.api.ConnectionEvent;
import jp.ad.sinet.stream.api.SinetStreamException;

/** Iterates over the events of a client that the native library packs into one array. Not thread-safe. */
public final class PackedEvents {
    private static final int CONNECTED = 1;
    private static final int LOST = 2;
    private static final int RETRYING = 3;
    private static final int ENDED = 4;
    private static final int CLOSED = 5;
    private static final int DELIVERED = 6;
    private static final int FAILED = 7;
    private static final int MESSAGES = 8;
    private static final int WARNING = 9;
    private static final int SOME = 256;

    private final Bytes in;
    private final ClientSink sink;
    /** The position of the event that was taken last. */
    private int start;
    /** The rest of a range of delivered messages. They are reported in parts, so that other tasks can run in between. */
    private long delivered;
    private long deliveredEnd;

    PackedEvents(byte[] packed) {
        this(packed, new ClientSink() { });
    }

    /** {@code sink} receives the events of messages. */
    public PackedEvents(byte[] packed, ClientSink sink) {
        in = new Bytes(packed);
        this.sink = sink;
    }

    public boolean hasNext() {
        return delivered < deliveredEnd || in.hasRemaining();
    }

    /**
     * Returns the next change of the connection; null when the next event was for the sink. All changes have the same fields;
     * the kind determines which of them have a meaning.
     */
    public ConnectionEvent next() {
        if (delivered < deliveredEnd) {
            tellDelivered();
            return null;
        }
        start = in.position();
        int kind = in.u8();
        if (kind >= DELIVERED && kind <= MESSAGES) {
            tell(kind);
            return null;
        }
        boolean sessionPresent = in.u8() != 0;
        long delayMillis = in.i64();
        String text = in.string();
        SinetStreamException cause = Errors.read(in);
        switch (kind) {
            case CONNECTED:
                return ConnectionEvent.connected(broker(text), sessionPresent);
            case LOST:
                return ConnectionEvent.lost(cause);
            case RETRYING:
                return ConnectionEvent.retrying(broker(text), Duration.ofMillis(delayMillis), cause);
            case ENDED:
                return ConnectionEvent.ended(cause);
            case WARNING:
                sink.warning(text);
                return null;
            case CLOSED:
                return ConnectionEvent.closed();
            default:
                throw Errors.malformed("unknown kind of event " + kind);
        }
    }

    /** Returns to the event that was taken last, so that it is taken again. */
    public void again() {
        in.position(start);
    }

    private void tell(int kind) {
        if (kind == MESSAGES) {
            sink.messages();
            return;
        }
        long number = in.i64();
        if (kind == DELIVERED) {
            delivered = number;
            deliveredEnd = in.i64();
            start = in.position();
            tellDelivered();
        } else {
            sink.failed(number, Errors.read(in));
        }
    }

    private void tellDelivered() {
        long end = Math.min(delivered + SOME, deliveredEnd);
        sink.delivered(delivered, end);
        delivered = end;
    }

    private static String broker(String text) {
        return text.isEmpty() ? null : text;
    }
}
