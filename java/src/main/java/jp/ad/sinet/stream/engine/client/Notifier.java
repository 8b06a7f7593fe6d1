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
 * The one thread that waits in native code on behalf of all clients: it wakes whoever waits for what has changed. It never
 * runs code of the application, and lives as long as there are clients.
 */
final class Notifier implements Runnable {
    private static final long PAUSE_NANOS = TimeUnit.MILLISECONDS.toNanos(20);
    private static final long END_MILLIS = 1000;

    private static final Map<Long, Waiters> CLIENTS = new ConcurrentHashMap<>();
    private static final Object LOCK = new Object();
    /** Guarded by the lock; null when there is none. */
    private static Thread thread;

    /** Somebody could not be told, for want of memory or threads. Of the thread alone. */
    private boolean missed;

    private Notifier() {
    }

    /** From now on the client's waiters are told. */
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

    /** The client is released. After the last one the thread has ended, or is about to. */
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

    /** A class loader can go only after the thread. */
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
                    Native.interruptChanges(); // there may be nothing else, and somebody may be missed again
                }
                tell(Native.changes());
            } catch (OutOfMemoryError e) {
                pause(); // the library still has what there was
            } catch (Throwable e) {
                Log.LOGGER.log(Level.SEVERE, "changes of clients could not be fetched", e);
                pause();
            }
        } while (!isOver());
    }

    /** Whoever can't be told keeps no other one waiting: callbacks may need a thread where there is none. */
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

    /** Everybody looks again, since it is not known who was missed. */
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
