package jp.ad.sinet.stream.engine;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Packs changes of a connection as the native library does. */
final class EventBytes {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    EventBytes connected(String broker, boolean sessionPresent) {
        return event(1, sessionPresent ? 1 : 0, 0, 0, broker);
    }

    EventBytes lost(int code, String message) {
        return event(2, 0, 0, code, message);
    }

    EventBytes retrying(String broker, long delayMillis) {
        return event(3, 0, delayMillis, 0, broker);
    }

    EventBytes ended(int code, String message) {
        return event(4, 0, 0, code, message);
    }

    EventBytes closed() {
        return event(5, 0, 0, 0, "");
    }

    EventBytes event(int kind, int sessionPresent, long delayMillis, int code, String text) {
        byte[] encoded = text.getBytes(StandardCharsets.UTF_8);
        out.writeBytes(ByteBuffer.allocate(18 + encoded.length).put((byte) kind).put((byte) sessionPresent)
                .putLong(delayMillis).putInt(code).putInt(encoded.length).put(encoded).array());
        return this;
    }

    byte[] pack() {
        return out.toByteArray();
    }
}
