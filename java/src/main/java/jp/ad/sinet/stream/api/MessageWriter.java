package jp.ad.sinet.stream.api;

import org.jspecify.annotations.Nullable;

/**
 * Sends messages, waiting for each to be delivered to the broker.
 *
 * @param <T> the type of the values
 */
public interface MessageWriter<T> extends MessageIO {
    /**
     * Sends a value with the current time. Blocks until the broker has confirmed it (consistency AT_LEAST_ONCE and
     * EXACTLY_ONCE) or it has been handed to the network (AT_MOST_ONCE), at most for the configured time limit
     * ({@code write_timeout_ms}). While the connection is lost, that includes the wait for it to come back.
     *
     * @param message the value, not null
     * @throws SinetStreamIOException when it was not, or perhaps not, delivered; when the thread is interrupted (its
     *         interrupt flag is set again); when the writer is closed
     * @throws AuthenticationException when the broker refused the credentials at a reconnect, which ends the writer
     * @throws NullPointerException when the value is null
     * @throws ClassCastException when the value does not have the class that the serializer needs
     */
    void write(T message);

    /**
     * Like {@link #write(Object)}, with a time of your own.
     *
     * @param message the value, not null
     * @param timestamp microseconds since 1970-01-01T00:00Z, sent as it is; 0 means unknown
     */
    void write(T message, long timestamp);

    /**
     * Like {@link #write(Object)}, with options of this message.
     *
     * @param message the value, not null
     * @param options the options, not null
     * @throws InvalidConfigurationException when an option is wrong, or the protocol does not have it; the message is not sent
     * @throws UnsupportedOperationException when an implementation has no options; the writers of MQTT have
     */
    default void write(T message, WriteOptions options) {
        throw new UnsupportedOperationException("options of one message");
    }

    /**
     * Like {@link #write(Object, WriteOptions)}, with a time of your own.
     *
     * @param message the value, not null
     * @param timestamp as of {@link #write(Object, long)}
     * @param options the options, not null
     */
    default void write(T message, long timestamp, WriteOptions options) {
        throw new UnsupportedOperationException("options of one message");
    }

    /**
     * Waits until all messages that any thread has written before have ended, delivered or not, at most for the
     * configured time limit ({@code write_timeout_ms}). Whether a message was delivered is told to who wrote it. An
     * implementation that never leaves anything unfinished does nothing here.
     *
     * @throws SinetStreamIOException when the time is up; when the writer has failed or is closed; when the thread is
     *         interrupted (its interrupt flag is set again)
     */
    default void flush() {
    }

    /**
     * The serializer in use.
     *
     * @return the serializer
     */
    Serializer<T> getSerializer();

    /**
     * Tells whether several threads may write at the same time.
     *
     * @return false unless the implementation says otherwise; the writers of this library do
     */
    default boolean isThreadSafe() {
        return false;
    }

    /**
     * The bytes on the wire of the message written last, for tests.
     *
     * @return the bytes; null before the first message
     */
    byte @Nullable [] getDebugLastMsgBytes();
}
