package jp.ad.sinet.stream.engine.plugin;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Supplier;

import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.api.SinetStreamIOException.Delivery;
import jp.ad.sinet.stream.api.SinetStreamIOException.Reason;

/**
 * The calls of a plugin that may block, whatever thread makes them. No lock that another thread needs without a limit is held
 * meanwhile; an interrupt ends such a call, and the close of the client interrupts those that are left.
 */
final class Calls {
    /** Held by the one thread that may call; null when any number may. */
    private final ReentrantLock turn;
    /** The threads that call, and whether the close has interrupted them. Guarded by this object. */
    private final Map<Thread, Boolean> inside = new HashMap<>();
    private boolean closed;

    Calls(boolean oneAtATime) {
        turn = oneAtATime ? new ReentrantLock(true) : null;
    }

    /** Calls the plugin; what that throws passes. {@code late}: the answer when it was not this thread's turn in time. */
    <V> V call(Supplier<V> plugin, Duration timeout, Supplier<V> late) {
        boolean outermost = begin();
        boolean had = false;
        try {
            had = turn == null || turn.tryLock(TimeUnit.NANOSECONDS.convert(timeout), TimeUnit.NANOSECONDS);
            return (had ? plugin : late).get();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new SinetStreamIOException("interrupted while another thread was in the plugin", e)
                    .with(Reason.INTERRUPTED, Delivery.NOT_SENT);
        } finally {
            if (had && turn != null) {
                turn.unlock();
            }
            if (outermost) {
                end();
            }
        }
    }

    private synchronized boolean begin() {
        if (closed) {
            throw new SinetStreamIOException("the client is closed").with(Reason.CLOSED, Delivery.NOT_SENT);
        }
        return inside.putIfAbsent(Thread.currentThread(), false) == null;
    }

    private synchronized void end() {
        if (inside.remove(Thread.currentThread())) {
            Thread.interrupted(); // it was for this call, and is not for what the thread does next
        }
        notifyAll();
    }

    /** From now on there are none. Interrupts those that there are, and waits this long at most for their end. */
    synchronized void close(long millis) {
        closed = true;
        inside.replaceAll((thread, interrupted) -> {
            boolean ours = thread != Thread.currentThread() && !thread.isInterrupted();
            if (ours) {
                thread.interrupt();
            }
            return ours;
        });
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        int own = inside.containsKey(Thread.currentThread()) ? 1 : 0;
        try {
            long left;
            while (inside.size() > own && (left = deadline - System.nanoTime()) > 0) {
                TimeUnit.NANOSECONDS.timedWait(this, left);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
