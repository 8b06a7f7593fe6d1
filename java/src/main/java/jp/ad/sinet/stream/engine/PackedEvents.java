package jp.ad.sinet.stream.engine;

import java.time.Duration;

import jp.ad.sinet.stream.api.ConnectionEvent;

/** Walks through the changes of a connection that the native library packs into one array. Not thread-safe. */
final class PackedEvents {
    private static final int CONNECTED = 1;
    private static final int LOST = 2;
    private static final int RETRYING = 3;
    private static final int ENDED = 4;
    private static final int CLOSED = 5;

    private final Bytes in;

    PackedEvents(byte[] packed) {
        in = new Bytes(packed);
    }

    boolean hasNext() {
        return in.hasRemaining();
    }

    /** All kinds have the same fields; which of them mean something depends on the kind. */
    ConnectionEvent next() {
        int kind = in.u8();
        boolean sessionPresent = in.u8() != 0;
        long delayMillis = in.i64();
        int code = in.i32();
        String text = in.string();
        switch (kind) {
            case CONNECTED:
                return ConnectionEvent.connected(broker(text), sessionPresent);
            case LOST:
                return ConnectionEvent.lost(Errors.of(code, text));
            case RETRYING:
                return ConnectionEvent.retrying(broker(text), Duration.ofMillis(delayMillis));
            case ENDED:
                return ConnectionEvent.ended(Errors.of(code, text));
            case CLOSED:
                return ConnectionEvent.closed();
            default:
                throw Errors.malformed("unknown kind of event " + kind);
        }
    }

    private static String broker(String text) {
        return text.isEmpty() ? null : text;
    }
}
