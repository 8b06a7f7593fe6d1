package jp.ad.sinet.stream.engine.client;

import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.Level;

import jp.ad.sinet.stream.engine.jvm.ClientThreads;
import jp.ad.sinet.stream.engine.jvm.Log;

/**
 * Runs a client's callbacks one after the other, on the application's executor or else on the {@link CallbackPool}. A task
 * that the executor refuses or has dropped runs without it, so that no event is lost.
 */
final class CallbackExecutor {
    /** How long close waits for a running callback. */
    static final int CLOSE_MILLIS = 10_000;
    /**
     * How long close waits until the executor begins: its threads may be busy, or one of them may be the thread that closes.
     */
    private static final int BEGIN_MILLIS = 100;
    /**
     * How long callbacks may occupy a thread of the executor while more of them are waiting, since others may need the
     * thread.
     */
    private static final int TURN_MILLIS = 10;

    private final Executor executor;
    private final String name;
    private final ClientThreads threads = new ClientThreads();
    private final AtomicBoolean warned = new AtomicBoolean();
    private final Queue<Runnable> queue = new ConcurrentLinkedQueue<>();
    private final AtomicInteger backlog = new AtomicInteger();
    private volatile Turn turn = new Turn();
    /** The waiter of the thread that closes, which waits until all callbacks have run. */
    private volatile Waiter closing;
    private volatile Thread lastWorker;

    /**
     * @param executor the application's executor; null to run callbacks on the pool
     * @param name the name of the client, for the log
     */
    CallbackExecutor(Executor executor, String name) {
        this.executor = executor;
        this.name = name;
        turn.begun.set(true); // an empty turn that has nothing to run
    }

    String name() {
        return name;
    }

    /** Tells whether the calling thread is running callbacks now. */
    boolean isWorkingHere() {
        return turn.worker == Thread.currentThread();
    }

    /** Tells whether any thread is running callbacks now. */
    boolean isWorking() {
        return turn.worker != null;
    }

    /** Tells whether callbacks run on a thread of this library for which no other work is waiting. */
    boolean isAtLeisure() {
        return executor == null && !CallbackPool.isBehind();
    }

    /**
     * Tells whether the calling thread belongs to the application's executor and has run this client's callbacks for long
     * enough. A task that could go on for long then submits its remainder again, and returns.
     */
    boolean isToGiveWay() {
        Turn current = turn;
        return current.limited && closing == null && current.worker == Thread.currentThread()
                && Waiter.left(current.end) == 0;
    }

    /** Returns how many submitted tasks are not finished. */
    int backlog() {
        return backlog.get();
    }

    /**
     * Submits a task. Any thread may call this, whatever locks it holds: it does not block, and runs nothing on the calling
     * thread.
     */
    void submit(Runnable news) {
        // Memory is allocated before the task is counted, so that a caller that fails has submitted nothing. Only the first
        // task needs a turn: a turn that is running takes up later tasks.
        Turn next = backlog.get() == 0 ? new Turn() : null;
        queue.add(news);
        if (backlog.getAndIncrement() == 0) {
            turn = next != null ? next : turnAnyhow();
            begin(turn);
        } else if (turn.stalled) {
            begin(turn);
        }
    }

    /**
     * Makes a turn when the previous one ended between the check and the count. From the count on nothing may fail any more.
     */
    private Turn turnAnyhow() {
        while (true) {
            try {
                return new Turn();
            } catch (OutOfMemoryError e) {
                EventPump.pause();
            }
        }
    }

    private void begin(Turn next) {
        next.stalled = true;
        // The pool calls the executor too, since an executor might run the task at once on the calling thread.
        CallbackPool.execute(executor == null ? next : () -> give(next));
        next.stalled = false;
    }

    private void give(Turn next) {
        try {
            next.limited = true;
            executor.execute(next);
            if (executor instanceof ExecutorService && !next.begun.get()) {
                CallbackPool.watch(next::hasBegun);
            }
        } catch (RuntimeException | Error e) {
            runWithout(next, e);
        }
    }

    private void runWithout(Turn next, Throwable why) {
        if (!next.begun.get() && warned.compareAndSet(false, true)) {
            Log.LOGGER.log(Level.WARNING, name + ": the executor accepts no task; callbacks run on threads of the library", why);
        }
        next.limited = false;
        next.run();
    }

    /**
     * Tells whether the executor is shut down. One that does not say, such as those that an application server manages, is
     * assumed to be running.
     */
    private boolean isShutDown() {
        try {
            return executor instanceof ExecutorService && ((ExecutorService) executor).isShutdown();
        } catch (RuntimeException | Error e) {
            return false;
        }
    }

    /**
     * Waits for the submitted tasks, unless a callback calls this. Tasks that the executor does not begin run on the calling
     * thread, which may be the executor's only one.
     */
    void finish(long timeoutMillis) {
        if (isWorkingHere()) {
            return;
        }
        Waiter waiter = new Waiter();
        closing = waiter;
        long deadline = Waiter.deadline(TimeUnit.MILLISECONDS.toNanos(timeoutMillis));
        boolean own = lastWorker == Thread.currentThread();
        long begun = Waiter.deadline(own || isShutDown() ? 0 : TimeUnit.MILLISECONDS.toNanos(BEGIN_MILLIS));
        while (backlog() > 0) {
            boolean interrupted = Thread.currentThread().isInterrupted();
            Turn next = turn;
            if (!next.begun.get() && (interrupted || Waiter.left(begun) == 0)) {
                runHere(next);
            } else if (interrupted || Waiter.left(deadline) == 0) {
                return;
            } else {
                waiter.await(next.begun.get() ? deadline : begun);
            }
        }
    }

    /**
     * Runs a turn on the calling thread. A pending interrupt of the thread is hidden from the callbacks and restored
     * afterwards.
     */
    private static void runHere(Turn next) {
        boolean interrupted = Thread.interrupted();
        next.limited = false;
        next.run();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** A task that runs the queue once, on whatever thread. Running it needs no memory, so that it cannot fail. */
    private final class Turn implements Runnable {
        private final AtomicBoolean begun = new AtomicBoolean();
        private volatile Thread worker;
        /** Whether no thread could be started for the turn yet. */
        private volatile boolean stalled;
        /** Whether the turn runs on an executor, and gives way at the end of its time. */
        private volatile boolean limited;
        private volatile long end;

        @Override
        public void run() {
            if (!begun.compareAndSet(false, true)) {
                return;
            }
            worker = Thread.currentThread();
            lastWorker = worker;
            end = Waiter.deadline(TimeUnit.MILLISECONDS.toNanos(TURN_MILLIS));
            ClassLoader before = threads.enter();
            drain();
            worker = null;
            ClientThreads.leave(before);
            Waiter waiter = closing;
            if (waiter != null) {
                waiter.wake();
            }
        }

        /**
         * Tells whether the turn has begun. If the executor was shut down with the turn in its queue, the turn begins without
         * it.
         */
        boolean hasBegun() {
            if (!begun.get() && isShutDown()) {
                CallbackPool.execute(() -> runWithout(this, null));
                return true;
            }
            return begun.get();
        }

        /**
         * Hands the remainder to another turn, behind the other tasks of the executor. Returns false when memory or a thread
         * is lacking.
         */
        private boolean isFollowed() {
            Turn next = null;
            try {
                next = new Turn();
                turn = next;
                begin(next);
                return true;
            } catch (OutOfMemoryError e) {
                if (next != null && !next.begun.compareAndSet(false, true)) {
                    return true; // a thread that submits or closes has begun it
                }
                turn = this;
                return false;
            }
        }

        /** Logs a failure without throwing, because a turn that ended here would have no successor. */
        private void logFailure(Throwable why) {
            try {
                Log.LOGGER.log(Level.WARNING, name + ": a callback failed", why);
            } catch (OutOfMemoryError e) {
                // The memory for the message is lacking.
            }
        }

        private void drain() {
            do {
                Runnable next = queue.poll();
                try {
                    next.run();
                } catch (Throwable e) {
                    logFailure(e);
                }
                ClientThreads.restoreLoader();
            } while (backlog.decrementAndGet() > 0 && !(isToGiveWay() && isFollowed()));
        }
    }
}
