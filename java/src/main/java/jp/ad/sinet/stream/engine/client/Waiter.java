package jp.ad.sinet.stream.engine.client;

import java.util.concurrent.locks.LockSupport;

import jp.ad.sinet.stream.engine.boundary.Native;

/**
 * The thread that made this object, while it waits in Java for the engine: there it can be interrupted, and, if it is a
 * virtual thread, releases its carrier. Only that thread calls {@link #await}; any thread may call {@link #wake}.
 */
final class Waiter {
    /** The JDK's name for the thread group of all virtual threads; see {@link Thread#getThreadGroup}. */
    private static final String VIRTUAL = "VirtualThreads";
    /** The duration of {@link Native#PATIENTLY}. */
    private static final long PATIENCE_NANOS = 10_000_000;
    /** A distant time whose difference to another time does not overflow. */
    private static final long FAR_NANOS = Long.MAX_VALUE / 2;

    private final Thread thread = Thread.currentThread();
    private volatile boolean woken;

    /** Ends a wait, the present or the next one. */
    void wake() {
        woken = true;
        LockSupport.unpark(thread);
    }

    /**
     * Waits until the thread is woken or interrupted. Returns false when the deadline passes first. The interrupt flag stays
     * set.
     */
    boolean await(long deadline) {
        while (!woken) {
            if (thread.isInterrupted()) {
                return true;
            }
            long left = deadline - System.nanoTime();
            if (left <= 0) {
                return false;
            }
            LockSupport.parkNanos(this, left);
        }
        woken = false;
        return true;
    }

    /** Returns the time that is this much later than now, on the clock of {@link System#nanoTime}. */
    static long deadline(long nanos) {
        return System.nanoTime() + Math.min(nanos, FAR_NANOS);
    }

    /** Returns the time that is left until the deadline, at least 0. */
    static long left(long deadline) {
        return Math.max(deadline - System.nanoTime(), 0);
    }

    /**
     * Returns how a thread begins to wait: in native code, because an answer that comes soon then costs no switch of threads.
     * A virtual thread does not, because it would block its carrier.
     */
    static int patience() {
        ThreadGroup group = Thread.currentThread().getThreadGroup();
        return group != null && VIRTUAL.equals(group.getName()) ? Native.ARMED : Native.PATIENTLY;
    }

    /** Returns how a thread begins to wait for a deadline, which native code could exceed by its ten milliseconds. */
    static int patience(long deadline) {
        return left(deadline) < PATIENCE_NANOS ? Native.ARMED : patience();
    }
}
