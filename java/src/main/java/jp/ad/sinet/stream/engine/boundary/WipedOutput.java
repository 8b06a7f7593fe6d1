package jp.ad.sinet.stream.engine.boundary;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;

/** Collects bytes that contain secrets, and wipes each array that it no longer needs. */
final class WipedOutput extends ByteArrayOutputStream implements AutoCloseable {
    @Override
    public synchronized void write(int b) {
        makeRoom(1);
        super.write(b);
    }

    @Override
    public synchronized void write(byte[] bytes, int offset, int length) {
        makeRoom(length);
        super.write(bytes, offset, length);
    }

    private void makeRoom(int length) {
        if (length > buf.length - count) {
            byte[] former = buf;
            buf = Arrays.copyOf(former, Math.addExact(former.length, Math.max(former.length, length)));
            Arrays.fill(former, (byte) 0);
        }
    }

    @Override
    public synchronized void close() {
        Arrays.fill(buf, (byte) 0);
        reset();
    }

    /** Returns the array itself, for a test. */
    synchronized byte[] array() {
        return buf;
    }
}
