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
 * The messages of a writer whose end has not been told, by their numbers: a ring that grows with what is under way, up to a
 * largest size. A message that has no end while so many others come and go, as a plugin may leave one, is set aside. It does
 * not know the writer, so that a forgotten one can be cleaned up.
 */
public final class Outcomes implements ClientSink {
    private static final int FIRST_SIZE = 256;
    /** Of messages whose end has not been told; a thread that wants to add more waits. */
    private static final int MAX_UNTOLD = 65_536;
    /** This part of them is told before it goes on, so that it does not wait for each one anew. */
    private static final int ROOM = 8;
    /** Where that takes longer, any room is enough. */
    private static final long PATIENCE_NANOS = TimeUnit.MILLISECONDS.toNanos(50);

    /** More than there may be; callbacks may add some to those. */
    static final int LARGEST_SIZE = 2 * MAX_UNTOLD;

    private final int most;
    Outcome[] ring = new Outcome[FIRST_SIZE];
    private final SortedMap<Long, Outcome> aside = new TreeMap<>();
    private volatile int count;
    /** The threads that wait until there are fewer, and since when. */
    private final Map<Waiter, Long> waiting = new ConcurrentHashMap<>();
    /** The highest number that there was. */
    private long last = -1;
    /** Why the client has ended by itself, if it has. Only used where news is given, one at a time. */
    private SinetStreamException cause;

    Outcomes() {
        this(MAX_UNTOLD);
    }

    /** {@code most}: a thread that wants to add more waits. */
    public Outcomes(int most) {
        this.most = most;
    }

    /** Comes before anybody can tell of the message. One number follows the other; one that was taken back comes again. */
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

    /** Takes it back: the message was not accepted. */
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

    /** How many there were, and how many of these have ended. */
    @Override
    public synchronized long progress() {
        return last + (last - count);
    }

    boolean isFull() {
        return count >= most;
    }

    /** The same; if it is full, the waiter is told when it is not. */
    boolean isFull(Waiter waiter) {
        waiting.putIfAbsent(waiter, System.nanoTime());
        return isFull();
    }

    synchronized long lastNumber() {
        return last;
    }

    /** Whether no message up to this number is left; if one is, the waiter is told when some have ended. */
    boolean haveEnded(long number, Waiter waiter) {
        waiting.putIfAbsent(waiter, System.nanoTime() - PATIENCE_NANOS); // any end is worth a look
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

    /** Those that are there have numbers below this one, at most a ring's length of them. */
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
        Outcome[] batch = new Outcome[(int) (to - from)]; // who tells of them tells of some at a time
        takeAll(from, batch.length, batch);
        tellRoom();
        for (Outcome outcome : batch) {
            settle(outcome, null);
        }
    }

    /** One lock for many. */
    private synchronized void takeAll(long from, int length, Outcome[] batch) {
        for (int i = 0; i < length; i++) {
            batch[i] = remove(from + i);
        }
    }

    @Override
    public void failed(long number, SinetStreamException failure) {
        end(number, failure);
    }

    /** The end of one message; {@code failure}: null when it was delivered. */
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
        Thread.interrupted(); // an interrupt is the callback's own affair
        ClientThreads.restoreLoader();
    }

    @Override
    public void ended(SinetStreamException why) {
        cause = why;
    }

    /**
     * No message stays without its end, whatever happened to the engine; they have them in their order. One may be there that
     * the engine is just about to refuse, for the same cause.
     */
    @Override
    public void over() {
        // All that takes memory comes first: when there is none, this is called again.
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
