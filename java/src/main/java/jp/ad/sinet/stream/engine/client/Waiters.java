package jp.ad.sinet.stream.engine.client;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongConsumer;

import jp.ad.sinet.stream.engine.boundary.Questions;

/**
 * The receivers of changes at a client: the threads that wait for it, each by what it waits for, and the client's pump. It
 * does not refer to the client, so that an abandoned one can be garbage collected.
 */
public final class Waiters {
    /** The code for new events, which go to the pump. Tickets, which are positive, are their own codes. */
    static final long NEWS = 0;
    /** The code for messages that can be read. */
    static final long MESSAGES = -1;

    private static final long END_MILLIS = 1000;

    private final Map<Long, Waiter> waiting = new ConcurrentHashMap<>();
    private final AtomicLong lastUnnamed = new AtomicLong(MESSAGES);
    private final Runnable pump;
    private final LongConsumer asked;

    /** {@code pump} must return at once. */
    public Waiters(Runnable pump) {
        this(pump, what -> { });
    }

    /** {@code asked} has one of the {@link Questions} answered, and must return at once. */
    Waiters(Runnable pump, LongConsumer asked) {
        this.pump = pump;
        this.asked = asked;
    }

    /**
     * Registers the calling thread as waiting for a change, until {@link #end}. This must precede the check of the condition.
     */
    Waiter begin(long what) {
        Waiter waiter = new Waiter();
        waiting.put(what, waiter);
        return waiter;
    }

    void end(long what) {
        waiting.remove(what);
    }

    /** Returns a code for a condition that the engine does not track. */
    long unnamed() {
        return lastUnnamed.decrementAndGet();
    }

    /** Wakes the receiver of a change. Returns at once. */
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

    /** Wakes all waiting threads so that they check again. This needs no new thread, and therefore precedes {@link #news}. */
    void wakeThreads() {
        waiting.values().forEach(Waiter::wake);
    }

    /** Tells the pump to check for events. */
    void news() {
        pump.run();
    }

    /**
     * Called when the client is released: all receivers check for the last time. A close that runs out of time passes on the
     * events itself; see {@link CallbackExecutor#finish}.
     */
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
