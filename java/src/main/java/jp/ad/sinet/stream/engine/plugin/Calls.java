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
 * The calls of a plugin that may block, on whatever thread. During a call no lock is held for which another thread would have
 * to wait without a limit. An interrupt ends a call, and the close of the client interrupts the remaining calls.
 */
final class Calls {
    /** Held by the one thread that may call; null when any number may. */
    private final ReentrantLock turn;
    /** The threads that are in a call, and whether the close has interrupted them; guarded by this object. */
    private final Map<Thread, Boolean> inside = new HashMap<>();
    private boolean closed;

    Calls(boolean oneAtATime) {
        turn = oneAtATime ? new ReentrantLock(true) : null;
    }

    /**
     * Calls the plugin, whose exceptions are passed on. {@code late} is called instead if this thread did not get its turn in
     * time.
     */
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
            Thread.interrupted(); // the interrupt was meant for this call, and must not reach what the thread does next
        }
        notifyAll();
    }

    /** Refuses further calls. Interrupts the present ones, and waits at most the given time for their end. */
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
