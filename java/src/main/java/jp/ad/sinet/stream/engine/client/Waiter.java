package jp.ad.sinet.stream.engine.client;

import java.util.concurrent.locks.LockSupport;

import jp.ad.sinet.stream.engine.boundary.Native;

/**
 * The thread that made it, while it waits in Java for the engine: it can be interrupted there, and gives way to other
 * virtual threads if it is one itself. Only that thread calls {@link #await}; any thread may call {@link #wake}.
 */
final class Waiter {
    /** The name that the JDK gives to the group of all virtual threads; see {@link Thread#getThreadGroup}. */
    private static final String VIRTUAL = "VirtualThreads";
    /** See {@link Native#PATIENTLY}. */
    private static final long PATIENCE_NANOS = 10_000_000;
    /** Far away, but not so far that a difference to it would overflow. */
    private static final long FAR_NANOS = Long.MAX_VALUE / 2;

    private final Thread thread = Thread.currentThread();
    private volatile boolean woken;

    /** Ends a wait, the present or the next one. */
    void wake() {
        woken = true;
        LockSupport.unpark(thread);
    }

    /** Waits until the thread is woken or interrupted; false when the time is up before. The interrupt stays. */
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

    /** The moment this long after now, as {@link System#nanoTime} counts. */
    static long deadline(long nanos) {
        return System.nanoTime() + Math.min(nanos, FAR_NANOS);
    }

    /** What is left until then, and not less than nothing. */
    static long left(long deadline) {
        return Math.max(deadline - System.nanoTime(), 0);
    }

    /**
     * How a thread begins to wait: in native code, since an answer that comes soon then costs no change of threads. A
     * virtual thread does not, because it would keep its carrier from the others.
     */
    static int patience() {
        ThreadGroup group = Thread.currentThread().getThreadGroup();
        return group != null && VIRTUAL.equals(group.getName()) ? Native.ARMED : Native.PATIENTLY;
    }

    /** The same for a wait until then, which native code could miss by its ten milliseconds. */
    static int patience(long deadline) {
        return left(deadline) < PATIENCE_NANOS ? Native.ARMED : patience();
    }
}
