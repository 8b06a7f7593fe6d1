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
 * Runs a client's callbacks one after the other: where the application wants them, or else on the {@link CallbackPool}. What
 * an executor refuses or has dropped is run without it, so that no news is lost.
 */
final class CallbackExecutor {
    /** How long a close waits for a callback. */
    static final int CLOSE_MILLIS = 10_000;
    /** How long a close waits for an executor to begin: its threads may be busy, or be the one that closes. */
    private static final int BEGIN_MILLIS = 100;
    /** How long callbacks keep a thread of an executor, which others may need, too, as long as more of them are to be run. */
    private static final int TURN_MILLIS = 10;

    private final Executor executor;
    private final String name;
    private final ClientThreads threads = new ClientThreads();
    private final AtomicBoolean warned = new AtomicBoolean();
    private final Queue<Runnable> queue = new ConcurrentLinkedQueue<>();
    private final AtomicInteger backlog = new AtomicInteger();
    private volatile Turn turn = new Turn();
    /** Who closes, and waits for the end of all. */
    private volatile Waiter closing;
    private volatile Thread lastWorker;

    /**
     * @param executor null: callbacks run on the pool
     * @param name of the client, for the log
     */
    CallbackExecutor(Executor executor, String name) {
        this.executor = executor;
        this.name = name;
        turn.begun.set(true); // nothing is there for it
    }

    String name() {
        return name;
    }

    /** True on a thread that runs callbacks now. */
    boolean isWorkingHere() {
        return turn.worker == Thread.currentThread();
    }

    /** Whether a thread runs callbacks now. */
    boolean isWorking() {
        return turn.worker != null;
    }

    /** Whether callbacks run on a thread of this library, with nobody waiting for it. */
    boolean isAtLeisure() {
        return executor == null && !CallbackPool.isBehind();
    }

    /**
     * True on a thread of the application's executor that this client's callbacks have had long enough: whoever could go on for
     * long submits the rest again, and returns.
     */
    boolean isToGiveWay() {
        Turn current = turn;
        return current.limited && closing == null && current.worker == Thread.currentThread()
                && Waiter.left(current.end) == 0;
    }

    /** How much of what was submitted is not done. */
    int backlog() {
        return backlog.get();
    }

    /** For any thread, whatever locks it holds: waits for nobody, and runs nothing here. */
    void submit(Runnable news) {
        // What takes memory comes before the count, so that who fails here has submitted nothing. Only what comes first
        // needs a turn: what comes while one is under way is done by that.
        Turn next = backlog.get() == 0 ? new Turn() : null;
        queue.add(news);
        if (backlog.getAndIncrement() == 0) {
            turn = next != null ? next : turnAnyhow();
            begin(turn);
        } else if (turn.stalled) {
            begin(turn);
        }
    }

    /** The turn that was under way has ended between the look and the count, after which nothing may fail any more. */
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
        // Even an executor is called by the pool: it might run the task at once, on the thread that calls it.
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
            Log.LOGGER.log(Level.WARNING, name + ": the executor takes no task; callbacks run on the client's thread", why);
        }
        next.limited = false;
        next.run();
    }

    /** An executor that does not say so, as those that an application server manages, is believed to be alive. */
    private boolean isShutDown() {
        try {
            return executor instanceof ExecutorService && ((ExecutorService) executor).isShutdown();
        } catch (RuntimeException | Error e) {
            return false;
        }
    }

    /**
     * Waits for what was submitted, unless a callback calls this. What an executor does not begin is run here: the thread that
     * closes may be its only one.
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

    /** An interrupt of this thread is not for the callbacks, and stays. */
    private static void runHere(Turn next) {
        boolean interrupted = Thread.interrupted();
        next.limited = false;
        next.run();
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Runs what is in the queue, wherever that is, once. It takes no memory, so that it can't fail. */
    private final class Turn implements Runnable {
        private final AtomicBoolean begun = new AtomicBoolean();
        private volatile Thread worker;
        /** No thread could be had for it, yet. */
        private volatile boolean stalled;
        /** It runs on an executor, and gives way at the end of its time. */
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

        /** One that an executor was given and dropped begins without it. */
        boolean hasBegun() {
            if (!begun.get() && isShutDown()) {
                CallbackPool.execute(() -> runWithout(this, null));
                return true;
            }
            return begun.get();
        }

        /** Another turn does the rest, behind all that the executor has to do; false when there is no memory or thread for that. */
        private boolean isFollowed() {
            Turn next = null;
            try {
                next = new Turn();
                turn = next;
                begin(next);
                return true;
            } catch (OutOfMemoryError e) {
                if (next != null && !next.begun.compareAndSet(false, true)) {
                    return true; // who submits, or closes, has begun it
                }
                turn = this;
                return false;
            }
        }

        /** A turn that ended here would be followed by none. */
        private void logFailure(Throwable why) {
            try {
                Log.LOGGER.log(Level.WARNING, name + ": a callback failed", why);
            } catch (OutOfMemoryError e) {
                // There is no memory for the name.
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
