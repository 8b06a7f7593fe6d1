package jp.ad.sinet.stream.api;

import java.util.concurrent.CompletableFuture;

import org.jdeferred2.Promise;

/**
 * Sends messages without waiting for their delivery. Any number of threads may write; messages leave in the order of the
 * calls. Callbacks of the promises run one after the other, in the order in which the writes completed, on a daemon thread of
 * the library or on the executor that the builder was given. The JVM stays until every accepted message has completed and its
 * callbacks have run, or until the writer is closed, unless the builder was given {@code daemon(true)}. A writer that is no
 * longer referenced is garbage collected when its messages have completed.
 *
 * @param <T> the type of the values
 */
public interface AsyncMessageWriter<T> extends MessageIO {
    /**
     * Sends a value with the current time. Returns at once, unless the outbox is full: then this method waits for room, at
     * most {@code write_timeout_ms} milliseconds.
     *
     * @param message the value, not null
     * @return a promise. It is resolved with null when the broker has confirmed the message (at consistency AT_MOST_ONCE:
     *        when the message has been handed to the network). It is rejected with the exception that
     *        {@link MessageWriter#write(Object)} would throw, at the latest after {@code write_timeout_ms}; also when the
     *        writer is closed, or the thread is interrupted before or while it waits for room (its interrupt flag stays set).
     *        A callback of this writer must not wait for the promise: the wait would never end
     * @throws SinetStreamIOException when the serializer fails
     * @throws NullPointerException when the value is null
     * @throws ClassCastException when the value is not of the class that the serializer needs
     */
    Promise<?, ? extends Throwable, ?> write(T message);

    /**
     * Like {@link #write(Object)}, with a time that the caller chooses.
     *
     * @param message the value, not null
     * @param timestamp microseconds since 1970-01-01T00:00Z, sent unchanged; 0 means unknown
     * @return as for {@link #write(Object)}
     * @throws UnsupportedOperationException when an implementation has no such method; the writers of this library have it
     */
    default Promise<?, ? extends Throwable, ?> write(T message, long timestamp) {
        throw new UnsupportedOperationException("write with a timestamp");
    }

    /**
     * Like {@link #write(Object)}, with options for this message.
     *
     * @param message the value, not null
     * @param options the options, not null
     * @return as for {@link #write(Object)}; rejected with an {@link InvalidConfigurationException} when an option is wrong,
     *        or the protocol version does not support it
     * @throws UnsupportedOperationException when an implementation does not support options; the MQTT writers do
     */
    default Promise<?, ? extends Throwable, ?> write(T message, WriteOptions options) {
        throw new UnsupportedOperationException("options of one message");
    }

    /**
     * Like {@link #write(Object, WriteOptions)}, with a time that the caller chooses.
     *
     * @param message the value, not null
     * @param timestamp as for {@link #write(Object, long)}
     * @param options the options, not null
     * @return as for {@link #write(Object, WriteOptions)}
     */
    default Promise<?, ? extends Throwable, ?> write(T message, long timestamp, WriteOptions options) {
        throw new UnsupportedOperationException("options of one message");
    }

    /**
     * Waits until all messages that any thread has written before this call have completed, delivered or not, at most for
     * {@code write_timeout_ms}. Their callbacks may still be about to run. A callback of a writer of a plugin must not call
     * this: the wait would not end before its limit.
     *
     * @throws SinetStreamIOException when the time limit has passed; when the writer has failed or is closed; when the thread
     *        is interrupted (its interrupt flag is set again)
     * @throws UnsupportedOperationException when an implementation has no such method; the writers of this library have it
     */
    default void flush() {
        throw new UnsupportedOperationException("flush");
    }

    /**
     * Like {@link #writeAsync(Object)}, with a time that the caller chooses.
     *
     * @param message the value, not null
     * @param timestamp as for {@link #write(Object, long)}
     * @return as for {@link #writeAsync(Object)}
     */
    default CompletableFuture<Void> writeAsync(T message, long timestamp) {
        CompletableFuture<Void> future = new CompletableFuture<>();
        write(message, timestamp).done(nothing -> future.complete(null)).fail(future::completeExceptionally);
        return future;
    }

    /**
     * Like {@link #writeAsync(Object)}, with options for this message.
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
     * Like {@link #writeAsync(Object, WriteOptions)}, with a time that the caller chooses.
     *
     * @param message the value, not null
     * @param timestamp as for {@link #write(Object, long)}
     * @param options the options, not null
     * @return as for {@link #writeAsync(Object, WriteOptions)}
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
     * @return completed as the promise would be; cancelling the future does not withdraw the message
     */
    default CompletableFuture<Void> writeAsync(T message) {
        CompletableFuture<Void> future = new CompletableFuture<>();
        write(message).done(nothing -> future.complete(null)).fail(future::completeExceptionally);
        return future;
    }

    /**
     * Returns the serializer in use.
     *
     * @return the serializer
     */
    Serializer<T> getSerializer();
}
