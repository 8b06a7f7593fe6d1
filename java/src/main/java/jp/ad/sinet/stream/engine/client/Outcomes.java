package jp.ad.sinet.stream.engine.client;

import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;

import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.api.SinetStreamIOException.Delivery;
import jp.ad.sinet.stream.api.SinetStreamIOException.Reason;
import jp.ad.sinet.stream.engine.boundary.ClientSink;
import jp.ad.sinet.stream.engine.jvm.ClientThreads;
import jp.ad.sinet.stream.engine.jvm.Log;

/**
 * The messages of a writer whose outcome has not been reported, by their numbers: a ring that grows with the messages in
 * flight, up to a largest size. A message that stays without an outcome while so many others come and go, as a plugin may
 * leave one, is set aside. It does not refer to the writer, so that an abandoned one can be garbage collected.
 */
public final class Outcomes implements ClientSink {
    private static final int FIRST_SIZE = 256;
    /** The limit of messages whose outcome has not been reported; a thread that wants to add more waits. */
    private static final int MAX_UNTOLD = 65_536;
    /** A waiting thread goes on when this part of the limit is free, so that it does not wait for each message anew. */
    private static final int ROOM = 8;
    /** A thread that has waited this long goes on as soon as there is any room. */
    private static final long PATIENCE_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    /** The largest size of the ring. It exceeds the limit because callbacks may add messages beyond it. */
    static final int LARGEST_SIZE = 2 * MAX_UNTOLD;

    private final int most;
    Outcome[] ring = new Outcome[FIRST_SIZE];
    private final SortedMap<Long, Outcome> aside = new TreeMap<>();
    private volatile int count;
    /** The waiting threads, and the time at which each began to wait. */
    private final Map<Waiter, Long> waiting = new ConcurrentHashMap<>();
    /** The highest number so far. */
    private long last = -1;
    /** Why the client has failed, if it has. Only the pump uses it, one call at a time. */
    private SinetStreamException cause;

    Outcomes() {
        this(MAX_UNTOLD);
    }

    /** {@code most} is the number of messages from which on a thread that wants to add more waits. */
    public Outcomes(int most) {
        this.most = most;
    }

    /**
     * Adds a message, before its outcome can be reported. Numbers are consecutive; the number of a removed message is reused.
     */
    public synchronized void put(long number, Outcome outcome) {
        while (ring[index(number)] != null) {
            if (ring.length < LARGEST_SIZE) {
                grow(number);
            } else {
                aside.put(number - ring.length, ring[index(number)]);
                ring[index(number)] = null;
            }
        }
        ring[index(number)] = outcome;
        last = number;
        count++;
    }

    /** Removes a message that was not accepted. */
    public synchronized Outcome remove(long number) {
        Outcome outcome;
        if (number <= last - ring.length) {
            outcome = aside.remove(number);
        } else {
            outcome = ring[index(number)];
            ring[index(number)] = null;
        }
        if (outcome != null) {
            count--;
        }
        return outcome;
    }

    @Override
    public int untold() {
        return count;
    }

    /** Returns the sum of the messages added and the messages ended. */
    @Override
    public synchronized long progress() {
        return last + (last - count);
    }

    boolean isFull() {
        return count >= most;
    }

    /** Tells whether the limit is reached; if so, the waiter is woken when there is room. */
    boolean isFull(Waiter waiter) {
        waiting.putIfAbsent(waiter, System.nanoTime());
        return isFull();
    }

    synchronized long lastNumber() {
        return last;
    }

    /** Tells whether all messages up to this number have ended; if not, the waiter is woken when some have. */
    boolean haveEnded(long number, Waiter waiter) {
        waiting.putIfAbsent(waiter, System.nanoTime() - PATIENCE_NANOS); // any outcome is worth a look
        synchronized (this) {
            if (count == 0) {
                return true;
            }
            if (!aside.isEmpty() && aside.firstKey() <= number) {
                return false;
            }
            for (long each = Math.max(0, last + 1 - ring.length); each <= number; each++) {
                if (ring[index(each)] != null) {
                    return false;
                }
            }
            return true;
        }
    }

    void forget(Waiter waiter) {
        waiting.remove(waiter);
    }

    private void tellRoom() {
        int left = count;
        if (left >= most || waiting.isEmpty()) {
            return;
        }
        boolean isPlenty = left <= most - most / ROOM;
        long now = System.nanoTime();
        waiting.forEach((waiter, since) -> {
            if (isPlenty || now - since >= PATIENCE_NANOS) {
                waiter.wake();
            }
        });
    }

    private int index(long number) {
        return (int) number & (ring.length - 1);
    }

    /** Doubles the ring. All messages in it have numbers below this one, within one length of the ring. */
    private void grow(long number) {
        Outcome[] before = ring;
        ring = new Outcome[before.length * 2];
        for (long old = number - before.length; old < number; old++) {
            if (old >= 0) {
                ring[index(old)] = before[(int) old & (before.length - 1)];
            }
        }
    }

    @Override
    public void delivered(long from, long to) {
        Outcome[] batch = new Outcome[(int) (to - from)]; // the engine reports a limited number at a time
        takeAll(from, batch.length, batch);
        tellRoom();
        for (Outcome outcome : batch) {
            settle(outcome, null);
        }
    }

    /** Removes many messages under one lock. */
    private synchronized void takeAll(long from, int length, Outcome[] batch) {
        for (int i = 0; i < length; i++) {
            batch[i] = remove(from + i);
        }
    }

    @Override
    public void failed(long number, SinetStreamException failure) {
        end(number, failure);
    }

    /** Reports the outcome of one message; {@code failure} is null when it was delivered. */
    public void end(long number, SinetStreamException failure) {
        Outcome outcome = remove(number);
        tellRoom();
        settle(outcome, failure);
    }

    private static void settle(Outcome outcome, SinetStreamException failure) {
        if (outcome == null) {
            return;
        }
        try {
            outcome.settle(failure);
        } catch (Throwable e) {
            Log.LOGGER.log(Level.WARNING, "a callback of a message failed", e);
        }
        Thread.interrupted(); // an interrupt was meant for the callback, and must not reach the next one
        ClientThreads.restoreLoader();
    }

    @Override
    public void ended(SinetStreamException why) {
        cause = why;
    }

    /**
     * Reports an outcome to every remaining message, in order, whatever happened to the engine. One of them may be a message
     * that the engine is just about to refuse, for the same cause.
     */
    @Override
    public void over() {
        // Memory is allocated first: when it is lacking, this is called again.
        SinetStreamException why = cause != null ? cause : new SinetStreamIOException("the writer was closed before the message"
                + " was confirmed; it may have been delivered").with(Reason.CLOSED, Delivery.UNKNOWN);
        Outcome[] older;
        Outcome[] rest;
        synchronized (this) {
            rest = new Outcome[ring.length];
            Outcome[] none = new Outcome[FIRST_SIZE];
            older = aside.values().toArray(new Outcome[0]);
            takeAll(last + 1 - rest.length, rest.length, rest);
            count -= older.length;
            aside.clear();
            ring = none;
        }
        tellRoom();
        for (Outcome outcome : older) {
            settle(outcome, why);
        }
        for (Outcome outcome : rest) {
            settle(outcome, why);
        }
    }
}
