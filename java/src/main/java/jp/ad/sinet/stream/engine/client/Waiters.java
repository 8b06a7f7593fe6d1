package jp.ad.sinet.stream.engine.client;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;

import jp.ad.sinet.stream.engine.boundary.Questions;

/**
 * Who is to be told of changes at a client: the threads that wait for it, each under what it waits for, and the client's
 * pump. It does not know the client, so that a forgotten one can be cleaned up.
 */
public final class Waiters {
    /** There is news for the pump. Tickets, which are positive, stand for themselves. */
    static final long NEWS = 0;
    /** Messages can be read. */
    static final long MESSAGES = -1;

    private static final long END_MILLIS = 1000;

    private final Map<Long, Waiter> waiting = new ConcurrentHashMap<>();
    private final AtomicLong lastUnnamed = new AtomicLong(MESSAGES);
    private final Runnable pump;
    private final LongConsumer asked;

    /** {@code pump}: returns at once. */
    public Waiters(Runnable pump) {
        this(pump, what -> { });
    }

    /** {@code asked}: has one of the {@link Questions} answered; returns at once. */
    Waiters(Runnable pump, LongConsumer asked) {
        this.pump = pump;
        this.asked = asked;
    }

    /** The calling thread waits for this from now on, until {@link #end}. It comes before the look at what is waited for. */
    Waiter begin(long what) {
        Waiter waiter = new Waiter();
        waiting.put(what, waiter);
        return waiter;
    }

    void end(long what) {
        waiting.remove(what);
    }

    /** Something to wait for that the engine does not know of. */
    long unnamed() {
        return lastUnnamed.decrementAndGet();
    }

    /** Returns at once. */
    void changed(long what) {
        if (what == NEWS) {
            news();
            return;
        }
        if (Questions.isOne(what)) {
            asked.accept(what);
            return;
        }
        Waiter waiter = waiting.get(what);
        if (waiter != null) {
            waiter.wake();
        }
    }

    /** The threads that wait shall look again. It needs no thread, and so comes before {@link #news}. */
    void wakeThreads() {
        waiting.values().forEach(Waiter::wake);
    }

    /** The pump shall look again. */
    void news() {
        pump.run();
    }

    /** The client is released: everybody looks, for the last time. A close that runs out of time gives the news by itself, see {@link CallbackExecutor#finish}. */
    public void released() {
        long deadline = Waiter.deadline(TimeUnit.MILLISECONDS.toNanos(END_MILLIS));
        while (!tellOfRelease() && Waiter.left(deadline) > 0) {
            EventPump.pause();
        }
    }

    private boolean tellOfRelease() {
        try {
            wakeThreads();
            news();
            return true;
        } catch (OutOfMemoryError e) {
            return false;
        }
    }
}
