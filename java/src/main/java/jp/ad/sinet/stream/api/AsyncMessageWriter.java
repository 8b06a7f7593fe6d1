package jp.ad.sinet.stream.api;

import java.util.concurrent.CompletableFuture;

import org.jdeferred2.Promise;

/**
 * Sends messages without waiting for their delivery. Any number of threads may write; messages leave in the order of
 * the calls. Callbacks of the promises run one after the other on a daemon thread of the library's, or on the executor
 * that the builder was given, in the order in which the messages ended. The JVM stays until every accepted message has ended
 * and been told to its callbacks, or the writer is closed, unless the builder was given {@code daemon(true)}. A writer that nobody
 * refers to any more is collected when its messages have ended.
 *
 * @param <T> the type of the values
 */
public interface AsyncMessageWriter<T> extends MessageIO {
    /**
     * Sends a value with the current time. Returns at once unless the outbox is full: then it waits for room, at most for
     * {@code write_timeout_ms} milliseconds.
     *
     * @param message the value, not null
     * @return resolved with null when the broker has confirmed the message (at consistency AT_MOST_ONCE: when it is with
     *         the network), at the latest after {@code write_timeout_ms}; rejected with what
     *         {@link MessageWriter#write(Object)} would throw, also when the writer is closed or the thread is interrupted,
     *         before or while it waits (its interrupt flag stays set). Who waits for it in a callback of this writer waits
     *         for ever
     * @throws SinetStreamIOException when the serializer fails
     * @throws NullPointerException when the value is null
     * @throws ClassCastException when the value does not have the class that the serializer needs
     */
    Promise<?, ? extends Throwable, ?> write(T message);

    /**
     * Like {@link #write(Object)}, with a time of your own.
     *
     * @param message the value, not null
     * @param timestamp microseconds since 1970-01-01T00:00Z, sent as it is; 0 means unknown
     * @return as of {@code write}
     * @throws UnsupportedOperationException when an implementation has no such method; the writers of this library have
     */
    default Promise<?, ? extends Throwable, ?> write(T message, long timestamp) {
        throw new UnsupportedOperationException("a time of one's own");
    }

    /**
     * Like {@link #write(Object)}, with options of this message.
     *
     * @param message the value, not null
     * @param options the options, not null
     * @return as of {@code write}; rejected with an {@link InvalidConfigurationException} when an option is wrong, or the protocol
     *         does not have it
     * @throws UnsupportedOperationException when an implementation has no options; the writers of MQTT have
     */
    default Promise<?, ? extends Throwable, ?> write(T message, WriteOptions options) {
        throw new UnsupportedOperationException("options of one message");
    }

    /**
     * Like {@link #write(Object, WriteOptions)}, with a time of your own.
     *
     * @param message the value, not null
     * @param timestamp as of {@link #write(Object, long)}
     * @param options the options, not null
     * @return as of {@code write}
     */
    default Promise<?, ? extends Throwable, ?> write(T message, long timestamp, WriteOptions options) {
        throw new UnsupportedOperationException("options of one message");
    }

    /**
     * Waits until all messages that any thread has written before have ended, delivered or not, at most for the
     * configured time limit ({@code write_timeout_ms}). Their callbacks may still be about to run. In a callback of a writer of a
     * plugin it waits in vain.
     *
     * @throws SinetStreamIOException when the time is up; when the writer has failed or is closed; when the thread is
     *         interrupted (its interrupt flag is set again)
     * @throws UnsupportedOperationException when an implementation has no such method; the writers of this library have
     */
    default void flush() {
        throw new UnsupportedOperationException("flush");
    }

    /**
     * Like {@link #writeAsync(Object)}, with a time of your own.
     *
     * @param message the value, not null
     * @param timestamp as of {@link #write(Object, long)}
     * @return as of {@code writeAsync}
     */
    default CompletableFuture<Void> writeAsync(T message, long timestamp) {
        CompletableFuture<Void> future = new CompletableFuture<>();
        write(message, timestamp).done(nothing -> future.complete(null)).fail(future::completeExceptionally);
        return future;
    }

    /**
     * Like {@link #writeAsync(Object)}, with options of this message.
     *
     * @param message the value, not null
     * @param options the options, not null
     * @return completed as the promise of {@link #write(Object, WriteOptions)} would be
     */
    default CompletableFuture<Void> writeAsync(T message, WriteOptions options) {
        CompletableFuture<Void> future = new CompletableFuture<>();
        write(message, options).done(nothing -> future.complete(null)).fail(future::completeExceptionally);
        return future;
    }

    /**
     * Like {@link #writeAsync(Object, WriteOptions)}, with a time of your own.
     *
     * @param message the value, not null
     * @param timestamp as of {@link #write(Object, long)}
     * @param options the options, not null
     * @return as of {@code writeAsync}
     */
    default CompletableFuture<Void> writeAsync(T message, long timestamp, WriteOptions options) {
        CompletableFuture<Void> future = new CompletableFuture<>();
        write(message, timestamp, options).done(nothing -> future.complete(null)).fail(future::completeExceptionally);
        return future;
    }

    /**
     * Like {@link #write(Object)}, for programs that prefer the JDK's futures.
     *
     * @param message the value, not null
     * @return completed as the promise would be; cancelling it does not take the message back
     */
    default CompletableFuture<Void> writeAsync(T message) {
        CompletableFuture<Void> future = new CompletableFuture<>();
        write(message).done(nothing -> future.complete(null)).fail(future::completeExceptionally);
        return future;
    }

    /**
     * The serializer in use.
     *
     * @return the serializer
     */
    Serializer<T> getSerializer();
}
