package jp.ad.sinet.stream.engine.boundary;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** Reads big-endian values from a byte array of the native library, never beyond its end. */
final class Bytes {
    private final byte[] array;
    private final ByteBuffer buffer;

    Bytes(byte[] array) {
        this.array = array;
        this.buffer = ByteBuffer.wrap(array);
    }

    /** Reads an array that begins with the length of its content; the rest of the array is unused. */
    static Bytes withLength(byte[] array) {
        Bytes bytes = new Bytes(array);
        int length = bytes.count(1);
        bytes.buffer.limit(bytes.buffer.position() + length);
        return bytes;
    }

    boolean hasRemaining() {
        return buffer.hasRemaining();
    }

    int position() {
        return buffer.position();
    }

    /** Returns to an earlier position. */
    void position(int position) {
        buffer.position(position);
    }

    int u8() {
        need(1);
        return buffer.get() & 0xFF;
    }

    int i32() {
        need(Integer.BYTES);
        return buffer.getInt();
    }

    long i64() {
        need(Long.BYTES);
        return buffer.getLong();
    }

    double f64() {
        need(Double.BYTES);
        return buffer.getDouble();
    }

    /** Returns a count or length whose items take at least {@code itemSize} bytes each. */
    int count(int itemSize) {
        int count = i32();
        if (count < 0 || count > buffer.remaining() / itemSize) {
            throw Errors.malformed("a length exceeds the data");
        }
        return count;
    }

    byte[] block() {
        byte[] block = new byte[count(1)];
        buffer.get(block);
        return block;
    }

    /** Returns the given number of bytes; null when the JVM lacks the memory for them. Reading can continue in either case. */
    byte[] take(int length) {
        need(length);
        try {
            byte[] taken = new byte[length];
            buffer.get(taken);
            return taken;
        } catch (OutOfMemoryError e) {
            buffer.position(buffer.position() + length);
            return null;
        }
    }

    String string() {
        int length = count(1);
        int start = buffer.position();
        buffer.position(start + length);
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(array, start, length)).toString();
        } catch (CharacterCodingException e) {
            throw Errors.malformed("a string is not UTF-8");
        }
    }

    /** Returns the next string; the cached string itself, without decoding, when it has the same content. */
    String string(Cached last) {
        int mark = buffer.position();
        int length = count(1);
        if (last.isAt(array, buffer.position(), length)) {
            buffer.position(buffer.position() + length);
        } else {
            buffer.position(mark);
            int start = mark + Integer.BYTES;
            last.set(string(), Arrays.copyOfRange(array, start, start + length));
        }
        return last.string;
    }

    private void need(int size) {
        if (buffer.remaining() < size) {
            throw Errors.malformed("the data ends early");
        }
    }

    /** A string and its encoding. */
    static final class Cached {
        private String string = "";
        private byte[] encoded = {};

        private boolean isAt(byte[] array, int from, int length) {
            return length == encoded.length
                    && Arrays.equals(array, from, from + length, encoded, 0, length);
        }

        private void set(String string, byte[] encoded) {
            this.string = string;
            this.encoded = encoded;
        }
    }
}
