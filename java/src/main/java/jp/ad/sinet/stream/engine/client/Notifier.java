package jp.ad.sinet.stream.engine.client;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;

import jp.ad.sinet.stream.engine.boundary.Native;
import jp.ad.sinet.stream.engine.jvm.ClientThreads;
import jp.ad.sinet.stream.engine.jvm.Log;

/**
 * The one thread that waits in native code on behalf of all clients, and wakes the threads that wait for a change. It never
 * runs code of the application, and lives as long as there are clients.
 */
final class Notifier implements Runnable {
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(20);
    private static final long END_MILLIS = 1000;

    private static final Map<Long, Waiters> CLIENTS = new ConcurrentHashMap<>();
    private static final Object LOCK = new Object();
    /** Null when there is no such thread; guarded by the lock. */
    private static Thread thread;

    /** Whether a waiter was missed for want of memory or threads. Only the thread uses it. */
    private boolean missed;

    private Notifier() {
    }

    /** Registers the waiters of a client. */
    static void add(long handle, Waiters waiters) {
        synchronized (LOCK) {
            CLIENTS.put(handle, waiters);
            if (thread == null) {
                Thread started = ClientThreads.shared(new Notifier(), "sinetstream-notifier");
                started.start();
                thread = started;
            }
            LOCK.notifyAll();
        }
    }

    /** Removes a client that is released. After the last one the thread has ended, or is about to. */
    static void remove(long handle) {
        Waiters waiters = CLIENTS.remove(handle);
        if (waiters == null) {
            return;
        }
        waiters.released();
        synchronized (LOCK) {
            if (CLIENTS.isEmpty() && thread != null) {
                Native.interruptChanges();
                awaitEnd(thread);
            }
        }
    }

    /** Waits for the end of the thread, because a class loader cannot be collected before it. */
    private static void awaitEnd(Thread ending) {
        long deadline = Waiter.deadline(TimeUnit.MILLISECONDS.toNanos(END_MILLIS));
        try {
            while (thread == ending && CLIENTS.isEmpty() && Waiter.left(deadline) > 0) {
                TimeUnit.NANOSECONDS.timedWait(LOCK, Waiter.left(deadline));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void run() {
        do {
            try {
                if (missed) {
                    pause();
                    missed = false;
                    tellAll();
                    Native.interruptChanges(); // no other change may follow, and a waiter may be missed again
                }
                tell(Native.changes());
            } catch (OutOfMemoryError e) {
                pause(); // the library still has the changes
            } catch (Throwable e) {
                Log.LOGGER.log(Level.SEVERE, "changes of clients could not be fetched", e);
                pause();
            }
        } while (!isOver());
    }

    /**
     * Wakes the waiters. One that cannot be woken does not delay the others: callbacks may need a thread when none can be
     * started.
     */
    private void tell(long[] changes) {
        for (int i = 0; i < changes.length; i += 2) {
            try {
                Waiters waiters = CLIENTS.get(changes[i]);
                if (waiters != null) {
                    waiters.changed(changes[i + 1]);
                }
            } catch (OutOfMemoryError e) {
                missed = true;
            }
        }
    }

    /** Wakes all waiters, since it is not known which were missed. */
    private void tellAll() {
        try {
            CLIENTS.values().forEach(Waiters::wakeThreads);
            CLIENTS.values().forEach(Waiters::news);
        } catch (OutOfMemoryError e) {
            missed = true;
        }
    }

    private static void pause() {
        LockSupport.parkNanos(PAUSE_NANOS);
    }

    private static boolean isOver() {
        synchronized (LOCK) {
            if (!CLIENTS.isEmpty()) {
                return false;
            }
            thread = null;
            CallbackPool.retire();
            LOCK.notifyAll();
            return true;
        }
    }
}
