package jp.ad.sinet.stream.engine.client;

import java.util.HashSet;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

import jp.ad.sinet.stream.engine.jvm.ClientThreads;
import jp.ad.sinet.stream.engine.jvm.Log;

/**
 * Keeps the JVM, and the client itself, while an asynchronous client has something to do that the program has left to it. For
 * all clients this is one thread, which is no daemon, and there is none while no client has anything to do.
 */
public final class Stay {
    /** A writer is not told of each message that ends: that would cost each of them something. */
    private static final long LOOK_MILLIS = 50;
    private static final long END_MILLIS = 1000;

    private static final Object LOCK = new Object();
    /** Guarded by the lock. */
    private static final Set<Stay> ALL = new HashSet<>();
    /** Guarded by the lock; null when there is none. */
    private static Thread thread;

    private final boolean daemon;
    /** Guarded by the lock: whether there is nothing left to do; null when the client calls {@link #end} by itself. */
    private BooleanSupplier isOver;
    /** The client, which is not collected meanwhile; null when the JVM does not stay for it. Changed under the lock. */
    private volatile Object client;

    /** {@code daemon}: the program wants the JVM not to wait for the client. */
    Stay(boolean daemon) {
        this.daemon = daemon;
    }

    /** The JVM stays until {@link #end}. Does nothing when it does so already. */
    void begin(Object of) {
        begin(of, null);
    }

    /**
     * The JVM stays until a look finds that this is over. For each message: while the JVM stays already, this is one look at a
     * field.
     */
    public void begin(Object of, BooleanSupplier over) {
        if (daemon || client != null) {
            return;
        }
        synchronized (LOCK) {
            isOver = over;
            client = of;
            ALL.add(this);
            if (thread == null) {
                start();
            } else {
                LOCK.notifyAll(); // it may wait without a limit
            }
        }
    }

    /** A message is not refused because the JVM might not wait for it. */
    private void start() {
        try {
            Thread started = ClientThreads.staying(Stay::run, "sinetstream-stay");
            started.start();
            thread = started;
        } catch (OutOfMemoryError e) {
            forget();
            if (isOver == null) { // nobody tries again
                Log.LOGGER.warning("there is no thread that keeps the JVM for a client: " + e.getMessage());
            }
        }
    }

    /** The JVM does not stay for this client any more. After the last one the thread has ended, or is about to. */
    void end() {
        if (client == null) {
            return;
        }
        synchronized (LOCK) {
            forget();
            if (ALL.isEmpty() && thread != null) {
                LOCK.notifyAll();
                awaitEnd(thread);
            }
        }
    }

    private void forget() {
        ALL.remove(this);
        client = null;
    }

    /** A class loader can go only after the thread. */
    private static void awaitEnd(Thread ending) {
        long deadline = Waiter.deadline(TimeUnit.MILLISECONDS.toNanos(END_MILLIS));
        try {
            while (thread == ending && ALL.isEmpty() && Waiter.left(deadline) > 0) {
                TimeUnit.NANOSECONDS.timedWait(LOCK, Waiter.left(deadline));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void run() {
        synchronized (LOCK) {
            while (!ALL.isEmpty()) {
                try {
                    LOCK.wait(ALL.stream().anyMatch(each -> each.isOver != null) ? LOOK_MILLIS : 0);
                    ALL.removeIf(Stay::isDone);
                } catch (InterruptedException | OutOfMemoryError e) {
                    // it looks again
                }
            }
            thread = null;
            LOCK.notifyAll();
        }
    }

    /** Who writes meanwhile either is seen here, or sees that the JVM does not stay, and begins anew. */
    private boolean isDone() {
        if (isOver == null || !isOver.getAsBoolean()) {
            return false;
        }
        Object before = client;
        client = null;
        if (isOver.getAsBoolean()) {
            return true;
        }
        client = before;
        return false;
    }
}
