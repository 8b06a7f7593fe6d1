package jp.ad.sinet.stream.engine.client;

import java.lang.ref.Reference;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.Spliterator;
import java.util.Spliterators.AbstractSpliterator;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;

import jp.ad.sinet.stream.api.Deserializer;
import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.engine.boundary.ClientSink;
import jp.ad.sinet.stream.engine.boundary.Configured;
import jp.ad.sinet.stream.engine.boundary.Native;
import jp.ad.sinet.stream.engine.boundary.Packed;

/**
 * The reader over the native engine. Any number of threads may read.
 *
 * @param <T> the type of the values
 */
public final class NativeMessageReader<T> extends EngineReader<T> implements MessageReader<T> {
    private static final String WAITING = "waiting for a message";

    private final Deserializing<T> deserializing;
    private final long timeoutNanos;
    private final Queue<Injected> injected = new ConcurrentLinkedQueue<>();
    /** Guards {@link #batch}, and keeps messages and their acknowledgements in order. */
    private final ReentrantLock lock = new ReentrantLock();
    private final Packed batch = new Packed();
    /** The failure that followed messages that were returned together; guarded by the lock. */
    private Throwable held;

    private final Duration receiveTimeout;

    private NativeMessageReader(Opened<Deserializer<T>> opened, Duration given) {
        super(opened);
        this.receiveTimeout = given != null ? given : description.receiveTimeout;
        this.deserializing = new Deserializing<>(opened.codec, handle);
        this.timeoutNanos = TimeUnit.NANOSECONDS.convert(description.receiveTimeout);
    }

    /**
     * Opens a reader. Blocks until it is connected and subscribed.
     *
     * @param configured the configuration of the reader
     * @param deserializer the deserializer
     * @param <T> the type of the values
     * @return the reader
     */
    public static <T> MessageReader<T> open(Configured configured, Deserializer<T> deserializer) {
        Duration given = configured.options.receiveTimeout();
        return open(configured, deserializer, new ClientSink() { }, (Opened<Deserializer<T>> opened) ->
                new NativeMessageReader<>(opened, given));
    }

    @Override
    public Duration getReceiveTimeout() {
        return receiveTimeout;
    }

    @Override
    public Deserializer<T> getDeserializer() {
        return deserializing.deserializer;
    }

    @Override
    public Message<T> read() {
        try {
            return read(timeoutNanos);
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    @Override
    public List<Message<T>> readMany(int max, Duration timeout) {
        if (max < 1) {
            throw new IllegalArgumentException("max: " + max);
        }
        long nanos = Math.max(0, TimeUnit.NANOSECONDS.convert(timeout));
        long deadline = Waiter.deadline(nanos);
        try {
            Message<T> first = read(nanos);
            if (first == null) {
                return List.of();
            }
            List<Message<T>> messages = new ArrayList<>();
            messages.add(first);
            gather(messages, max, deadline);
            return messages;
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /**
     * Adds the messages that are present, unless another thread is reading. The deadline also ends this when messages keep
     * coming.
     */
    private void gather(List<Message<T>> messages, int max, long deadline) {
        if (!lock.tryLock()) {
            return;
        }
        try {
            Message<T> next;
            while (messages.size() < max && !Thread.currentThread().isInterrupted()
                    && (batch.hasNext() || Waiter.left(deadline) > 0) && (next = next(0)) != null) {
                messages.add(next);
            }
        } catch (Throwable e) { // the messages that were read before it are returned first
            held = e;
        } finally {
            lock.unlock();
        }
    }

    private Message<T> read(long nanos) {
        checkUsable(WAITING, Consequence.NONE);
        if (lock.tryLock()) { // messages that are present are returned, however short the timeout is
            try {
                Message<T> message = next(nanos);
                return message != null || nanos == 0 ? message : await(Waiter.deadline(nanos));
            } finally {
                lock.unlock();
            }
        }
        long deadline = Waiter.deadline(nanos);
        if (!lock(deadline)) {
            return null;
        }
        try {
            checkUsable(WAITING, Consequence.NONE);
            Message<T> message = next(nanos);
            return message != null ? message : await(deadline);
        } finally {
            lock.unlock();
        }
    }

    private boolean lock(long deadline) {
        try {
            return lock.tryLock(Waiter.left(deadline), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw interrupted(WAITING, Consequence.NONE);
        }
    }

    /** Returns the next message that is present; null when there is none. */
    private Message<T> next(long nanos) {
        tellHeld();
        Injected first = injected.poll();
        if (first != null) {
            return decode(first);
        }
        return batch.next() || nanos == 0 && batch.fetch(handle, Native.LOOK) && batch.next() ? take() : null;
    }

    private void tellHeld() {
        Throwable failure = held;
        held = null;
        if (failure instanceof Error) {
            throw (Error) failure;
        } else if (failure != null) {
            throw (RuntimeException) failure;
        }
    }

    /** Returns the next message from the engine, or an injected one; null when none comes before the deadline. */
    private Message<T> await(long deadline) {
        Waiter waiter = waiters.begin(Waiters.MESSAGES);
        try {
            int how = Waiter.patience(deadline);
            do {
                checkUsable(WAITING, Consequence.NONE);
                if (batch.fetch(handle, how) && batch.next()) {
                    return take();
                }
                Injected first = injected.poll();
                if (first != null) {
                    return decode(first);
                }
                how = Native.ARMED;
            } while (waiter.await(deadline));
            return null;
        } finally {
            waiters.end(Waiters.MESSAGES);
        }
    }

    private Message<T> take() {
        long seq = batch.seq();
        Message<T> message;
        try {
            message = deserializing.message(batch, acknowledgements.receipt(seq));
        } catch (Throwable e) {
            acknowledgements.skipped(seq);
            throw e;
        }
        acknowledgements.handedOver(seq);
        return message;
    }

    private Message<T> decode(Injected message) {
        Packed record = Packed.decoded(handle, message.bytes, message.topic);
        if (record.failure() != null) {
            throw record.failure();
        }
        return deserializing.message(record, message.topic, message.raw, acknowledgements.receiptOfInjected());
    }

    @Override
    public Stream<Message<T>> stream() {
        return StreamSupport.stream(new UntilTimeout(), false);
    }

    @Override
    public void debugInjectMsgBytes(byte[] bytes, String topic, Object raw) {
        checkUsable("injecting a message", Consequence.NONE);
        injected.add(new Injected(bytes.clone(), Objects.requireNonNull(topic, "topic"), raw));
        waiters.changed(Waiters.MESSAGES);
    }

    /** A message that a test has injected. */
    private static final class Injected {
        private final byte[] bytes;
        private final String topic;
        private final Object raw;

        Injected(byte[] bytes, String topic, Object raw) {
            this.bytes = bytes;
            this.topic = topic;
            this.raw = raw;
        }
    }

    /** The messages up to the first receive timeout. */
    private final class UntilTimeout extends AbstractSpliterator<Message<T>> {
        private boolean ended;

        UntilTimeout() {
            super(Long.MAX_VALUE, Spliterator.ORDERED | Spliterator.NONNULL);
        }

        @Override
        public boolean tryAdvance(Consumer<? super Message<T>> action) {
            Message<T> message = ended ? null : read();
            if (message == null) {
                ended = true;
                return false;
            }
            action.accept(message);
            return true;
        }
    }
}
