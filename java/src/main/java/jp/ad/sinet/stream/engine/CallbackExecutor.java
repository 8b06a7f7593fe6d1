package jp.ad.sinet.stream.engine;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.ReentrantLock;
import java.util.logging.Level;

/**
 * Runs callbacks where the application wants them, one after the other: each is done when {@link #run} returns. What an
 * executor refuses or has dropped is run here, so that no news is lost.
 */
final class CallbackExecutor {
    private static final int LOOK_MILLIS = 100;

    private final Executor executor;
    private final String name;
    private final AtomicBoolean warned = new AtomicBoolean();
    private final ReentrantLock turn = new ReentrantLock(true);
    private volatile Thread working;
    private volatile boolean abandoned;

    /**
     * @param executor null: callbacks run on the thread that calls {@link #run}
     * @param name of the client, for the log
     */
    CallbackExecutor(Executor executor, String name) {
        this.executor = executor;
        this.name = name;
    }

    /** True on the thread that runs callbacks now. */
    boolean isWorkingHere() {
        return working == Thread.currentThread();
    }

    /** What the executor has not begun by now is not waited for any longer. */
    void abandon() {
        abandoned = true;
    }

    /** Returns when it is done. A callback may call this, too. */
    void run(Runnable news) {
        if (isWorkingHere()) {
            news.run();
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
        if (executor == null) {
            work(news);
            return;
        }
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
            if (abandoned || executor instanceof ExecutorService && ((ExecutorService) executor).isShutdown()) {
                runHere(task, null);
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    private void runHere(Task task, Throwable why) {
        if (!task.begun.get() && warned.compareAndSet(false, true)) {
            EngineClient.LOGGER.log(Level.WARNING, name + ": the executor takes no task; callbacks run on the client's thread", why);
        }
        task.run();
    }

    private void work(Runnable news) {
        working = Thread.currentThread();
        try {
            news.run();
        } finally {
            working = null;
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
