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
 * Keeps the JVM, and the client itself, while an asynchronous client has something to do that the program has left to it. For
 * all clients this is one thread, which is no daemon, and there is none while no client has anything to do.
 */
public final class Stay {
    /** A writer is not told of each message that ends: that would cost each of them something. */
    private static final long LOOK_MILLIS = 50;
    private static final long END_MILLIS = 1000;
    /** How much longer than a message may be on its way its end may need to be told. */
    private static final Duration GRACE = Duration.ofSeconds(5);

    private static final Object LOCK = new Object();
    /** Guarded by the lock. */
    private static final Set<Stay> ALL = new HashSet<>();
    /** Guarded by the lock; null when there is none. */
    private static Thread thread;

    private final boolean daemon;
    /** It does not know the client. */
    private final EventPump pump;
    /** How long nothing may happen to the messages whose end is not told. */
    private final long limitNanos;
    /** Guarded by the lock: whether a look finds the end; else the JVM stays until it is told. */
    private boolean looks;
    /** Guarded by the lock: what a look has found last, and until when something has to happen. */
    private long progress;
    private long deadline;
    /** Of the thread alone: the program has been told once that messages are not waited for any more. */
    private boolean warned;
    /** The client, which is not collected meanwhile; null when the JVM does not stay for it. Changed under the lock. */
    private volatile Object client;

    /** {@code daemon}: the program wants the JVM not to wait for the client. */
    Stay(boolean daemon, EventPump pump, Duration writeTimeout) {
        this.daemon = daemon;
        this.pump = pump;
        limitNanos = TimeUnit.NANOSECONDS.convert(writeTimeout.plus(GRACE));
    }

    /** The JVM stays until {@link #untilIdle} or {@link #end}. */
    void begin(Object of) {
        if (!daemon) {
            begin(of, false);
        }
    }

    /**
     * The JVM stays until every message that was accepted has ended and been told to its callbacks, but not when nothing happens
     * any more: a plugin may leave a message without its end, and an executor drop what it was given. For each message: while
     * the JVM stays already, this is one look at a field.
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
                    LOCK.notifyAll(); // it may wait without a limit
                }
            } catch (OutOfMemoryError e) { // a message is not refused because the JVM might not wait for it
                forget();
                if (!looking) { // nobody tries again
                    Log.LOGGER.warning("there is no thread that keeps the JVM for a client: " + e.getMessage());
                }
            }
        }
    }

    private static void start() {
        Thread started = ClientThreads.staying(Stay::run, "sinetstream-stay");
        started.start();
        thread = started;
    }

    /** The same for a client that has nothing else to do any more: a callback that runs may not have returned. */
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

    /** The JVM does not stay for this client any more. After the last one the thread has ended, or is about to. */
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

    /** A class loader can go only after the thread. */
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
                // it looks again
            }
        }
    }

    /** Waits, and lets those go who have nothing left to do; false when there is nobody any more. */
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
        givenUp.forEach(Stay::warn); // a handler of the log may write, too
        return true;
    }

    /** Who writes meanwhile either is seen here, or sees that the JVM does not stay, and begins anew. */
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

    /** Every end is told while callbacks run, so that these are looked at last. */
    private boolean isOver() {
        return pump.sink().untold() == 0 && !pump.callbacks().isWorking();
    }

    /** A callback that runs may take its time, as every thread may for which a JVM waits. */
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
            Log.LOGGER.warning(pump.callbacks().name() + ": the JVM does not wait any longer for messages whose end is not told: "
                    + pump.sink().untold() + "; in " + TimeUnit.NANOSECONDS.toMillis(limitNanos) + " ms nothing was accepted, and no"
                    + " end came from the plugin, or the executor has run no callback");
        } catch (RuntimeException e) {
            // a handler of the log has failed, which is no reason not to look after the others
        }
    }
}
