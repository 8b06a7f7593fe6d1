package jp.ad.sinet.stream.engine;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Packs changes of a connection as the native library does. */
final class EventBytes {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    EventBytes connected(String broker, boolean sessionPresent) {
        return event(1, sessionPresent ? 1 : 0, 0, broker).noError();
    }

    EventBytes lost(int code, String message) {
        return event(2, 0, 0, "").error(code, message, 7).noError();
    }

    EventBytes retrying(String broker, long delayMillis, String cause) {
        return event(3, 0, delayMillis, broker).error(6, cause, 0).error(7, "behind", 2).noError();
    }

    EventBytes ended(int code, String message) {
        return event(4, 0, 0, "").error(code, message, 6).noError();
    }

    EventBytes delivered(long from, long to) {
        out.writeBytes(ByteBuffer.allocate(17).put((byte) 6).putLong(from).putLong(to).array());
        return this;
    }

    EventBytes closed() {
        return event(5, 0, 0, "").noError();
    }

    EventBytes event(int kind, int sessionPresent, long delayMillis, String text) {
        byte[] encoded = text.getBytes(StandardCharsets.UTF_8);
        out.writeBytes(ByteBuffer.allocate(14 + encoded.length).put((byte) kind).put((byte) sessionPresent)
                .putLong(delayMillis).putInt(encoded.length).put(encoded).array());
        return this;
    }

    /** An error; the one behind it follows. */
    private EventBytes error(int code, String message, int cause) {
        byte[] encoded = message.getBytes(StandardCharsets.UTF_8);
        out.writeBytes(ByteBuffer.allocate(10 + encoded.length).putInt(code).putInt(encoded.length).put(encoded)
                .put((byte) cause).put((byte) 0).array());
        return this;
    }

    EventBytes noError() {
        out.writeBytes(new byte[Integer.BYTES]);
        return this;
    }

    byte[] pack() {
        return out.toByteArray();
    }
}
