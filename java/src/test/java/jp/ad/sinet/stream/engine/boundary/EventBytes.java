package jp.ad.sinet.stream.engine.boundary;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** Packs changes of a connection as the native library does. */
public final class EventBytes {
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    public EventBytes connected(String broker, boolean sessionPresent) {
        return event(1, sessionPresent ? 1 : 0, 0, broker).noError();
    }

    public EventBytes lost(int code, String message) {
        return event(2, 0, 0, "").error(code, message, 7).noError();
    }

    public EventBytes retrying(String broker, long delayMillis, String cause) {
        return event(3, 0, delayMillis, broker).error(6, cause, 0).error(7, "behind", 2).noError();
    }

    public EventBytes ended(int code, String message) {
        return event(4, 0, 0, "").error(code, message, 6).noError();
    }

    public EventBytes delivered(long from, long to) {
        out.writeBytes(ByteBuffer.allocate(17).put((byte) 6).putLong(from).putLong(to).array());
        return this;
    }

    public EventBytes closed() {
        return event(5, 0, 0, "").noError();
    }

    public EventBytes event(int kind, int sessionPresent, long delayMillis, String text) {
        byte[] encoded = text.getBytes(StandardCharsets.UTF_8);
        out.writeBytes(ByteBuffer.allocate(14 + encoded.length).put((byte) kind).put((byte) sessionPresent)
                .putLong(delayMillis).putInt(encoded.length).put(encoded).array());
        return this;
    }

    /** Adds an error; the error that caused it follows. */
    private EventBytes error(int code, String message, int cause) {
        byte[] encoded = message.getBytes(StandardCharsets.UTF_8);
        out.writeBytes(ByteBuffer.allocate(12 + encoded.length).putInt(code).putInt(encoded.length).put(encoded)
                .put((byte) cause).put((byte) 0).array());
        return this;
    }

    public EventBytes noError() {
        out.writeBytes(new byte[Integer.BYTES]);
        return this;
    }

    public byte[] pack() {
        return out.toByteArray();
    }
}
