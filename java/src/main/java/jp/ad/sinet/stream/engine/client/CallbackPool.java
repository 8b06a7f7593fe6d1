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
    /** The longest pause between two looks at an executor of the application that is busy with something else. */
    private static final long LOOK_MILLIS = 1000;

    /** Changed under the lock of the class; null when there was nothing to do yet. */
    private static volatile CallbackPool current;

    private final ThreadPoolExecutor threads = new ThreadPoolExecutor(THREADS, Integer.MAX_VALUE, IDLE_MILLIS,
            TimeUnit.MILLISECONDS, new LinkedBlockingQueue<>(), work -> ClientThreads.shared(work, "sinetstream-callbacks"));
    /** What an executor of the application has taken and not begun: it could be shut down before that, and tells nobody. */
    private final Set<BooleanSupplier> handedOver = ConcurrentHashMap.newKeySet();
    /** Guarded by the class. */
    private boolean watched;
    /** Guarded by the class: how long the watch sleeps while no work waits for a thread. */
    private long pauseMillis;
    /** Guarded by the class: the watch sleeps longer than it may when something comes for it. */
    private boolean dozing;

    private CallbackPool() {
        threads.allowCoreThreadTimeOut(true);
    }

    /** Runs the work soon, on a thread that may be blocked. Returns at once. */
    static synchronized void execute(Runnable work) {
        CallbackPool pool = pool();
        pool.shrink();
        pool.threads.execute(work);
        pool.watch();
    }

    /** Has somebody ask this, again and again, until it says that it has begun. */
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
        return threads.getQueue().isEmpty() && handedOver.isEmpty();
    }

    /** While work waits, somebody looks whether callbacks block. The lock of the class is held. */
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
            // The next one who brings work tries again.
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
                // There are not as many threads as the limit says. It is raised again, as long as work waits.
                threads.setCorePoolSize(Math.max(THREADS, threads.getPoolSize()));
            }
        } while (!isRelieved());
    }

    /** As long as a callback may block while work waits for a thread; else longer each time, since nothing changes. */
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
                    // nobody does that
                }
            }
            dozing = false;
            pauseMillis = Math.min(2 * pauseMillis, LOOK_MILLIS);
        }
    }

    /** Threads come when the limit is raised and work waits. */
    private void grow(boolean blocked) {
        if (blocked && !threads.getQueue().isEmpty()) {
            threads.setCorePoolSize(2 * threads.getCorePoolSize());
        }
    }

    /** What was added for callbacks that blocked is taken back when they have returned. The lock of the class is held. */
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
