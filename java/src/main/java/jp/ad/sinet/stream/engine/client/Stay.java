package jp.ad.sinet.stream.engine.client;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;

import jp.ad.sinet.stream.engine.jvm.ClientThreads;
import jp.ad.sinet.stream.engine.jvm.Log;

/**
 * Keeps the JVM running, and the client from being garbage collected, while an asynchronous client still has work that the
 * program has left to it. All clients share one non-daemon thread, which exists only while a client has work.
 */
public final class Stay {
    /** The polling interval of the thread. A notification for each message that ends would slow all of them down. */
    private static final long LOOK_MILLIS = 50;
    private static final long END_MILLIS = 1000;
    /** How much longer than the write timeout the report of an outcome may take. */
    private static final Duration GRACE = Duration.ofSeconds(5);

    private static final Object LOCK = new Object();
    /** Guarded by the lock. */
    private static final Set<Stay> ALL = new HashSet<>();
    /** Null when there is no thread; guarded by the lock. */
    private static Thread thread;

    private final boolean daemon;
    /** Does not refer to the client. */
    private final EventPump pump;
    /** How long the pending messages may go without any progress. */
    private final long limitNanos;
    /** Whether polling finds the end; otherwise the JVM stays until {@link #end}. Guarded by the lock. */
    private boolean looks;
    /** The progress that was polled last, and the deadline for the next progress; guarded by the lock. */
    private long progress;
    private long deadline;
    /** Whether the program has been warned that messages are no longer waited for. Only the thread uses it. */
    private boolean warned;
    /** The client, which this reference keeps alive; null when the JVM does not stay for it. Written under the lock. */
    private volatile Object client;

    /** {@code daemon} is true if the JVM shall not wait for the client. */
    Stay(boolean daemon, EventPump pump, Duration writeTimeout) {
        this.daemon = daemon;
        this.pump = pump;
        limitNanos = TimeUnit.NANOSECONDS.convert(writeTimeout.plus(GRACE));
    }

    /** Keeps the JVM running until {@link #untilIdle} or {@link #end}. */
    void begin(Object of) {
        if (!daemon) {
            begin(of, false);
        }
    }

    /**
     * Keeps the JVM running until every accepted message has ended and its callbacks have run, unless there is no more
     * progress: a plugin may leave a message without an outcome, and an executor may drop a task. This is called for each
     * message; while the JVM stays already, it only reads one field.
     */
    public void untilTold(Object of) {
        if (!daemon && client == null) {
            begin(of, true);
        }
    }

    private void begin(Object of, boolean looking) {
        synchronized (LOCK) {
            looks = looking;
            renew(pump.sink().progress());
            try {
                ALL.add(this);
                client = of;
                if (thread == null) {
                    start();
                } else {
                    LOCK.notifyAll(); // the thread may wait without a limit
                }
            } catch (OutOfMemoryError e) { // a message is not refused because the JVM might not wait for it
                forget();
                if (!looking) { // no later call tries again
                    Log.LOGGER.warning("no thread can be started that keeps the JVM running for a client: " + e.getMessage());
                }
            }
        }
    }

    private static void start() {
        Thread started = ClientThreads.staying(Stay::run, "sinetstream-stay");
        started.start();
        thread = started;
    }

    /** Keeps the JVM running only until a callback that is still running has returned, for a client that has no other work. */
    void untilIdle() {
        synchronized (LOCK) {
            if (client == null) {
                return;
            }
            if (isOver()) {
                end();
            } else {
                looks = true;
                renew(pump.sink().progress());
                LOCK.notifyAll();
            }
        }
    }

    /** Lets the JVM exit. After the last client the thread has ended, or is about to. */
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

    /** Waits for the end of the thread, because a class loader cannot be collected before it. */
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
        boolean goesOn = true;
        while (goesOn) {
            try {
                goesOn = look();
            } catch (InterruptedException | OutOfMemoryError e) {
                // The loop polls again.
            }
        }
    }

    /** Waits, then drops the clients that have no more work. Returns false when none is left. */
    private static boolean look() throws InterruptedException {
        List<Stay> givenUp = new ArrayList<>();
        synchronized (LOCK) {
            if (!ALL.isEmpty()) {
                LOCK.wait(ALL.stream().anyMatch(each -> each.looks) ? LOOK_MILLIS : 0);
            }
            for (Iterator<Stay> all = ALL.iterator(); all.hasNext();) {
                Stay each = all.next();
                if (each.isDone()) {
                    all.remove();
                    if (!each.isOver()) {
                        givenUp.add(each);
                    }
                }
            }
            if (ALL.isEmpty() && givenUp.isEmpty()) {
                thread = null;
                LOCK.notifyAll();
                return false;
            }
        }
        givenUp.forEach(Stay::warn); // outside the lock, since a handler of the log may write, too
        return true;
    }

    /**
     * Tells whether a client is done. A thread that writes meanwhile is either noticed here, or sees that the JVM does not
     * stay and begins anew.
     */
    private boolean isDone() {
        if (!looks || !isOver() && !isStuck()) {
            return false;
        }
        Object before = client;
        client = null;
        if (isOver() || isStuck()) {
            return true;
        }
        client = before;
        return false;
    }

    /** Tells whether no work is left. Outcomes are reported while callbacks run, so the callbacks are checked last. */
    private boolean isOver() {
        return pump.sink().untold() == 0 && !pump.callbacks().isWorking();
    }

    /**
     * Tells whether the deadline for progress has passed. A running callback may take any time, like every thread for which a
     * JVM waits.
     */
    private boolean isStuck() {
        long now = pump.sink().progress();
        if (now != progress || pump.callbacks().isWorking()) {
            renew(now);
        }
        return Waiter.left(deadline) == 0;
    }

    private void renew(long now) {
        progress = now;
        deadline = Waiter.deadline(limitNanos);
    }

    private void warn() {
        if (warned) {
            return;
        }
        warned = true;
        try {
            Log.LOGGER.warning(pump.callbacks().name() + ": the JVM does not wait any longer for messages without an outcome: "
                    + pump.sink().untold() + "; in " + TimeUnit.NANOSECONDS.toMillis(limitNanos) + " ms nothing was accepted, and no"
                    + " outcome came from the plugin, or the executor has run no callback");
        } catch (RuntimeException e) {
            // A handler of the log has failed; the other clients are still checked.
        }
    }
}
