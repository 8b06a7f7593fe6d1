package jp.ad.sinet.stream.engine.client;

import java.lang.ref.Reference;
import java.time.Instant;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

import org.jdeferred2.Promise;

import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.Serializer;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.WriteOptions;
import jp.ad.sinet.stream.engine.boundary.Configured;
import jp.ad.sinet.stream.engine.boundary.Native;
import jp.ad.sinet.stream.engine.boundary.Timestamps;

/**
 * The asynchronous writer over the native engine. Any number of threads may write.
 *
 * @param <T> the type of the values
 */
public final class NativeAsyncMessageWriter<T> extends EngineClient implements AsyncMessageWriter<T> {
    private static final String WAITING = "waiting for room in the outbox";

    static {
        WritePromise.rehearse();
    }

    private final Serializing<T> serializing;
    private final Outcomes outcomes;
    /** Gives the messages their order and their numbers. */
    private final ReentrantLock lock = new ReentrantLock();
    private long next;
    private final long writeTimeoutNanos;

    private NativeAsyncMessageWriter(Opened<Serializer<T>> opened, Outcomes outcomes) {
        super(opened);
        this.serializing = new Serializing<>(opened.codec);
        this.outcomes = outcomes;
        this.writeTimeoutNanos = TimeUnit.NANOSECONDS.convert(description.writeTimeout);
    }

    /**
     * Opens a writer. Blocks until it is connected.
     *
     * @param configured the configuration of the writer
     * @param serializer the serializer
     * @param <T> the type of the values
     * @return the writer
     */
    public static <T> AsyncMessageWriter<T> open(Configured configured, Serializer<T> serializer) {
        Outcomes outcomes = new Outcomes();
        return open(configured, serializer, outcomes, (Opened<Serializer<T>> opened) ->
                new NativeAsyncMessageWriter<>(opened, outcomes));
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
    public void flush() {
        awaitFlush();
    }

    @Override
    public Promise<?, ? extends Throwable, ?> write(T message) {
        return writeAny(message, Timestamps.micros(Instant.now()), null);
    }

    @Override
    public Promise<?, ? extends Throwable, ?> write(T message, long timestamp) {
        return writeAny(message, timestamp, null);
    }

    @Override
    public Promise<?, ? extends Throwable, ?> write(T message, WriteOptions options) {
        return write(message, Timestamps.micros(Instant.now()), options);
    }

    @Override
    public Promise<?, ? extends Throwable, ?> write(T message, long timestamp, WriteOptions options) {
        return writeAny(message, timestamp, Objects.requireNonNull(options, "options"));
    }

    private Promise<?, ? extends Throwable, ?> writeAny(T message, long timestamp, WriteOptions options) {
        try {
            byte[] value = serializing.serialize(message, handle);
            WritePromise promise = new WritePromise();
            try {
                submit(value, timestamp, options, promise);
            } catch (SinetStreamException e) {
                promise.settle(e);
            }
            return promise;
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    private void submit(byte[] value, long timestamp, WriteOptions options, Outcome outcome) {
        awaitRoom(outcomes);
        lock();
        try {
            outcomes.put(next, outcome);
            boolean accepted = false;
            try {
                checkUsable(WRITING, Consequence.NOT_SENT);
                long number = Native.submit(handle, value, timestamp, options);
                if (number < 0) {
                    awaitEnd(-number, writeTimeoutNanos, WAITING, Consequence.NOT_SENT);
                } else if (number != next + 1) {
                    throw new SinetStreamException("internal error: a message got the number " + number);
                }
                accepted = true;
                next++;
                stay.untilTold(this);
            } finally {
                if (!accepted) {
                    outcomes.remove(next);
                }
            }
        } finally {
            lock.unlock();
        }
    }

    /** Takes the lock, whose owner may be waiting for room in the outbox. */
    private void lock() {
        if (lock.tryLock()) {
            return;
        }
        try {
            if (!lock.tryLock(writeTimeoutNanos, TimeUnit.NANOSECONDS)) {
                throw timedOut("the outbox is full");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw interrupted(WAITING, Consequence.NOT_SENT);
        }
    }
}
