package jp.ad.sinet.stream.engine.client;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

import jp.ad.sinet.stream.engine.jvm.ClientThreads;

/**
 * The threads that run the callbacks of all clients whose builder was given no executor. There are few of them, and none
 * when there is nothing to do. One that a callback blocks is made up for by another, so that no client waits for the
 * callback of another one.
 */
final class CallbackPool {
    /** Enough while no callback blocks. */
    private static final int THREADS = Math.max(2, Math.min(4, Runtime.getRuntime().availableProcessors()));
    private static final long IDLE_MILLIS = 1000;
    /** As long as this, no callback may stand in the way of another client's. */
    private static final long BLOCKED_MILLIS = 20;

    /** Changed under the lock of the class; null when there was nothing to do yet. */
    private static volatile CallbackPool current;

    private final ThreadPoolExecutor threads = new ThreadPoolExecutor(THREADS, Integer.MAX_VALUE, IDLE_MILLIS,
            TimeUnit.MILLISECONDS, new LinkedBlockingQueue<>(), work -> ClientThreads.shared(work, "sinetstream-callbacks"));
    /** What an executor of the application has taken and not begun: it could be shut down before that, and tells nobody. */
    private final Set<BooleanSupplier> handedOver = ConcurrentHashMap.newKeySet();
    /** Guarded by the class. */
    private boolean watched;

    private CallbackPool() {
        threads.allowCoreThreadTimeOut(true);
    }

    /** Runs the work soon, on a thread that may be blocked. Returns at once. */
    static synchronized void execute(Runnable work) {
        CallbackPool pool = pool();
        pool.threads.execute(work);
        pool.watch();
    }

    /** Has somebody ask this, again and again, until it says that it has begun. */
    static synchronized void watch(BooleanSupplier hasBegun) {
        CallbackPool pool = pool();
        pool.handedOver.add(hasBegun);
        pool.watch();
    }

    private static synchronized CallbackPool pool() {
        if (current == null) {
            current = new CallbackPool();
        }
        return current;
    }

    /** Whether work waits for a thread. */
    static boolean isBehind() {
        CallbackPool pool = current;
        return pool != null && !pool.threads.getQueue().isEmpty();
    }

    /** Ends the threads that have nothing to do. */
    static synchronized void retire() {
        if (current != null) {
            current.threads.shutdown();
            current = null;
        }
    }

    private boolean isAtEase() {
        return threads.getQueue().isEmpty() && handedOver.isEmpty() && threads.getCorePoolSize() == THREADS;
    }

    /** While work waits, somebody looks whether callbacks block. The lock of the class is held. */
    private void watch() {
        if (watched || isAtEase()) {
            return;
        }
        try {
            ClientThreads.shared(this::relieve, "sinetstream-callbacks-watch").start();
            watched = true;
        } catch (OutOfMemoryError e) {
            // The next one who brings work tries again.
        }
    }

    private void relieve() {
        long done = threads.getCompletedTaskCount();
        do {
            try {
                TimeUnit.MILLISECONDS.sleep(BLOCKED_MILLIS);
            } catch (InterruptedException e) {
                // nobody does that
            }
            long doneNow = threads.getCompletedTaskCount();
            try {
                // Threads come when the limit is raised and work waits.
                threads.setCorePoolSize(size(doneNow == done));
                handedOver.removeIf(BooleanSupplier::getAsBoolean);
            } catch (OutOfMemoryError e) {
                // There are not as many threads as the limit says. It is raised again, as long as work waits.
                threads.setCorePoolSize(Math.max(THREADS, threads.getPoolSize()));
            }
            done = doneNow;
        } while (!isRelieved());
    }

    private int size(boolean blocked) {
        int limit = threads.getCorePoolSize();
        if (!threads.getQueue().isEmpty()) {
            return blocked ? 2 * limit : limit;
        }
        return Math.min(limit, threads.getActiveCount() + THREADS);
    }

    private boolean isRelieved() {
        synchronized (CallbackPool.class) {
            watched = !isAtEase();
            return !watched;
        }
    }
}
