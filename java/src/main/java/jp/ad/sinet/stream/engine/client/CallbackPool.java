package jp.ad.sinet.stream.engine.client;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

import jp.ad.sinet.stream.engine.jvm.ClientThreads;

/**
 * The threads that run the callbacks of all clients whose builder was given no executor. There are few, and none when there
 * is nothing to do. A thread that a callback blocks is replaced by another, so that no client waits for another client's
 * callback.
 */
final class CallbackPool {
    /** The number of threads, which is sufficient while no callback blocks. */
    private static final int THREADS = Math.max(2, Math.min(4, Runtime.getRuntime().availableProcessors()));
    private static final long IDLE_MILLIS = 1000;
    /** The longest time for which a callback may delay those of another client. */
    private static final long BLOCKED_MILLIS = 20;
    /** The longest interval between two checks of an application's executor that is busy with other tasks. */
    private static final long LOOK_MILLIS = 1000;

    /** Written under the lock of the class; null until it is needed. */
    private static volatile CallbackPool current;

    private final ThreadPoolExecutor threads = new ThreadPoolExecutor(THREADS, Integer.MAX_VALUE, IDLE_MILLIS,
            TimeUnit.MILLISECONDS, new LinkedBlockingQueue<>(), work -> ClientThreads.shared(work, "sinetstream-callbacks"));
    /** Turns that an application's executor has accepted and not begun. It could be shut down first, without any notice. */
    private final Set<BooleanSupplier> handedOver = ConcurrentHashMap.newKeySet();
    /** Whether the watch is running; guarded by the class. */
    private boolean watched;
    /** How long the watch sleeps while no work waits for a thread; guarded by the class. */
    private long pauseMillis;
    /** Whether the watch is in a sleep that new work has to cut short; guarded by the class. */
    private boolean dozing;

    private CallbackPool() {
        threads.allowCoreThreadTimeOut(true);
    }

    /** Runs the work soon, on a thread that may block. Returns at once. */
    static synchronized void execute(Runnable work) {
        CallbackPool pool = pool();
        pool.shrink();
        pool.threads.execute(work);
        pool.watch();
    }

    /** Polls {@code hasBegun} until it returns true. */
    static synchronized void watch(BooleanSupplier hasBegun) {
        CallbackPool pool = pool();
        pool.handedOver.add(hasBegun);
        pool.pauseMillis = BLOCKED_MILLIS;
        pool.watch();
    }

    private static synchronized CallbackPool pool() {
        if (current == null) {
            current = new CallbackPool();
        }
        return current;
    }

    /** Tells whether work is waiting for a thread. */
    static boolean isBehind() {
        CallbackPool pool = current;
        return pool != null && !pool.threads.getQueue().isEmpty();
    }

    /** Lets the threads end as soon as they have nothing to do. */
    static synchronized void retire() {
        if (current != null) {
            current.threads.shutdown();
            current = null;
        }
    }

    private boolean isAtEase() {
        return threads.getQueue().isEmpty() && handedOver.isEmpty();
    }

    /** Starts the watch, which checks for blocked callbacks while work waits. The caller holds the lock of the class. */
    private void watch() {
        if (isAtEase()) {
            return;
        }
        if (watched) {
            if (dozing && pause() == BLOCKED_MILLIS) {
                CallbackPool.class.notifyAll();
            }
            return;
        }
        pauseMillis = BLOCKED_MILLIS;
        try {
            ClientThreads.shared(this::relieve, "sinetstream-callbacks-watch").start();
            watched = true;
        } catch (OutOfMemoryError e) {
            // The next caller tries again.
        }
    }

    private void relieve() {
        do {
            long done = threads.getCompletedTaskCount();
            sleep();
            try {
                grow(threads.getCompletedTaskCount() == done);
                handedOver.removeIf(BooleanSupplier::getAsBoolean);
            } catch (OutOfMemoryError e) {
                // Fewer threads exist than the limit allows. The limit is raised again as long as work waits.
                threads.setCorePoolSize(Math.max(THREADS, threads.getPoolSize()));
            }
        } while (!isRelieved());
    }

    /**
     * Returns how long the watch sleeps: the limit for blocked callbacks while work waits, otherwise longer each time, since
     * nothing changes.
     */
    private long pause() {
        return threads.getQueue().isEmpty() ? pauseMillis : BLOCKED_MILLIS;
    }

    private void sleep() {
        synchronized (CallbackPool.class) {
            long begun = System.nanoTime();
            long left;
            while ((left = pause() - TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun)) > 0) {
                dozing = pause() > BLOCKED_MILLIS;
                try {
                    CallbackPool.class.wait(left);
                } catch (InterruptedException e) {
                    // no code interrupts this thread
                }
            }
            dozing = false;
            pauseMillis = Math.min(2 * pauseMillis, LOOK_MILLIS);
        }
    }

    /** Raises the limit, which starts threads for the work that waits. */
    private void grow(boolean blocked) {
        if (blocked && !threads.getQueue().isEmpty()) {
            threads.setCorePoolSize(2 * threads.getCorePoolSize());
        }
    }

    /**
     * Lowers the limit that was raised for blocked callbacks, once they have returned. The caller holds the lock of the
     * class.
     */
    private void shrink() {
        int limit = threads.getCorePoolSize();
        if (limit > THREADS && threads.getQueue().isEmpty()) {
            threads.setCorePoolSize(Math.min(limit, threads.getActiveCount() + THREADS));
        }
    }

    private boolean isRelieved() {
        synchronized (CallbackPool.class) {
            watched = !isAtEase();
            return !watched;
        }
    }
}
