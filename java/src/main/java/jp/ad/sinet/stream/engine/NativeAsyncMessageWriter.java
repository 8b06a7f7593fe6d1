package jp.ad.sinet.stream.engine;

import java.lang.ref.Reference;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

import org.jdeferred2.Promise;

import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.Serializer;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;

/**
 * The asynchronous writer over the native engine. Any number of threads may write.
 *
 * @param <T> the type of the values
 */
public final class NativeAsyncMessageWriter<T> extends EngineClient implements AsyncMessageWriter<T> {
    /** Promises whose callbacks are behind; a thread that wants to add more than these waits. */
    private static final int MAX_UNTOLD = 65_536;
    private static final String NOT_SENT = "; the message was not sent";

    static {
        WritePromise.rehearse();
    }

    private final Serializing<T> serializing;
    private final Outcomes outcomes;
    /** Gives the messages their order and their numbers. */
    private final ReentrantLock lock = new ReentrantLock();
    private long next;

    private NativeAsyncMessageWriter(Opened<Serializer<T>> opened, Outcomes outcomes) {
        super(opened);
        this.serializing = new Serializing<>(opened.codec);
        this.outcomes = outcomes;
    }

    /**
     * Opens a writer. Blocks until it is connected.
     *
     * @param options what the builder was given
     * @param serializer the serializer; null to take the configured one
     * @param <T> the type of the values
     * @return the writer
     */
    public static <T> AsyncMessageWriter<T> open(Options options, Serializer<T> serializer) {
        if (serializer != null) {
            options.anyValueType();
        }
        Outcomes outcomes = new Outcomes();
        return open(options, outcomes, description -> Codecs.serializer(serializer, description, options),
                (Opened<Serializer<T>> opened) -> new NativeAsyncMessageWriter<>(opened, outcomes),
                PluggedAsyncWriter::open);
    }

    @Override
    int untold() {
        return outcomes.size();
    }

    @Override
    public String getTopic() {
        return description.topic;
    }

    @Override
    public Serializer<T> getSerializer() {
        return serializing.serializer;
    }

    @Override
    public Promise<?, ? extends Throwable, ?> write(T message) {
        try {
            byte[] value = serializing.serialize(message, handle);
            WritePromise promise = new WritePromise();
            try {
                submit(value, promise);
            } catch (SinetStreamException e) {
                promise.settle(e);
            }
            return promise;
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    private void submit(byte[] value, Outcome outcome) {
        long start = 0; // asked for only by one who has to wait
        while (outcomes.size() >= MAX_UNTOLD && !isCallbackThread()) {
            start = check(start);
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1));
        }
        while (!tryLock()) {
            start = check(start);
        }
        try {
            outcomes.put(next, outcome);
            boolean accepted = false;
            try {
                checkUsable(WRITING, NOT_SENT);
                int waitMillis = 0;
                long number;
                while ((number = Native.submit(handle, value, waitMillis)) == Native.FULL) {
                    start = check(start);
                    waitMillis = SLICE_MILLIS;
                }
                accepted = true;
                if (number != next++) {
                    throw new SinetStreamException("internal error: a message got the number " + number);
                }
            } finally {
                if (!accepted) {
                    outcomes.remove(next);
                }
            }
        } finally {
            lock.unlock();
        }
    }

    /** Waits a moment for the lock, whose owner may wait for room. */
    private boolean tryLock() {
        if (lock.tryLock()) {
            return true;
        }
        try {
            return lock.tryLock(SLICE_MILLIS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // the check that follows says so
            return false;
        }
    }

    /** Throws when a wait that began then has to end. */
    private long check(long begun) {
        checkUsable("waiting for room in the outbox", NOT_SENT);
        long now = System.nanoTime();
        long start = begun == 0 ? now : begun;
        long limit = TimeUnit.NANOSECONDS.convert(description.writeTimeout);
        if (now - start >= limit) {
            countError();
            throw new SinetStreamIOException("write timed out after " + TimeUnit.NANOSECONDS.toMillis(limit)
                    + " ms: the outbox is full" + NOT_SENT);
        }
        return start;
    }
}
