package jp.ad.sinet.stream.engine;

import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.ReentrantLock;
import java.util.logging.Level;

/**
 * Runs callbacks where the application wants them, one after the other. What an executor refuses or has dropped is run
 * without it, so that no news is lost. A client uses either {@link #run} or {@link #submit}.
 */
final class CallbackExecutor {
    /** How long a close waits for callbacks, and for an executor that begins none. */
    static final int CLOSE_MILLIS = 10_000;
    private static final int LOOK_MILLIS = 100;

    private final Executor executor;
    private final String name;
    private final AtomicBoolean warned = new AtomicBoolean();
    private final Set<Thread> working = ConcurrentHashMap.newKeySet();
    private volatile boolean abandoned;

    // of run: held while one waits for the executor
    private final ReentrantLock turn = new ReentrantLock(true);

    // of submit
    private final Queue<Runnable> queue = new ConcurrentLinkedQueue<>();
    private final AtomicInteger waiting = new AtomicInteger();
    private volatile Task draining;

    /**
     * @param executor null: callbacks run on the thread that brings them
     * @param name of the client, for the log
     */
    CallbackExecutor(Executor executor, String name) {
        this.executor = executor;
        this.name = name;
    }

    /** True on a thread that runs callbacks now. */
    boolean isWorkingHere() {
        return working.contains(Thread.currentThread());
    }

    /** What the executor has not begun by now is not waited for any longer. */
    void abandon() {
        abandoned = true;
    }

    /** For the client's own thread: returns when it is done. A callback may call this, too. */
    void run(Runnable news) {
        if (executor == null || isWorkingHere()) {
            work(news);
            return;
        }
        turn.lock();
        try {
            give(news);
        } finally {
            turn.unlock();
        }
    }

    private void give(Runnable news) {
        Task task = new Task(news);
        try {
            executor.execute(task);
        } catch (RuntimeException | Error e) {
            runHere(task, e);
        }
        boolean interrupted = false;
        while (true) {
            try {
                if (task.done.await(LOOK_MILLIS, TimeUnit.MILLISECONDS)) {
                    break;
                }
            } catch (InterruptedException e) {
                interrupted = true; // it is about what comes after this
            }
            if (abandoned || isShutDown()) {
                runHere(task, null);
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** For any thread, whatever locks it holds: waits for nobody. Without an executor it runs here, or where another one does. */
    void submit(Runnable news) {
        queue.add(news);
        if (waiting.getAndIncrement() == 0) {
            Task task = new Task(this::drain);
            draining = task;
            if (executor == null) {
                task.run();
                return;
            }
            try {
                executor.execute(task);
            } catch (RuntimeException | Error e) {
                runHere(task, e);
            }
        } else if (isShutDown()) {
            rescue();
        }
    }

    private void drain() {
        do {
            Runnable next = queue.poll();
            try {
                next.run();
            } catch (Throwable e) {
                EngineClient.LOGGER.log(Level.WARNING, name + ": a callback failed", e);
            }
            ClientThreads.restoreLoader();
        } while (waiting.decrementAndGet() > 0);
    }

    /** How much of what was submitted is not done. */
    int backlog() {
        return waiting.get();
    }

    /** Waits for what was submitted, and does the rest here when the time is up. Not for one that a callback calls. */
    void finish(long timeoutMillis) {
        if (isWorkingHere()) {
            return;
        }
        long start = System.nanoTime();
        while (backlog() > 0 && TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start) < timeoutMillis && !isShutDown()) {
            try {
                TimeUnit.MILLISECONDS.sleep(1);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                break;
            }
        }
        if (backlog() > 0) {
            rescue();
        }
    }

    private void rescue() {
        Task task = draining;
        if (task != null) {
            runHere(task, null);
        }
    }

    private boolean isShutDown() {
        return executor instanceof ExecutorService && ((ExecutorService) executor).isShutdown();
    }

    private void runHere(Task task, Throwable why) {
        if (!task.begun.get() && warned.compareAndSet(false, true)) {
            EngineClient.LOGGER.log(Level.WARNING, name + ": the executor takes no task; callbacks run on the client's thread", why);
        }
        task.run();
    }

    private void work(Runnable news) {
        boolean outer = working.add(Thread.currentThread());
        try {
            news.run();
        } finally {
            if (outer) {
                working.remove(Thread.currentThread());
            }
        }
    }

    /** Runs once, wherever that is. */
    private final class Task implements Runnable {
        private final Runnable news;
        private final AtomicBoolean begun = new AtomicBoolean();
        private final CountDownLatch done = new CountDownLatch(1);

        Task(Runnable news) {
            this.news = news;
        }

        @Override
        public void run() {
            if (!begun.compareAndSet(false, true)) {
                return;
            }
            try {
                work(news);
            } finally {
                done.countDown();
            }
        }
    }
}
