package jp.ad.sinet.stream.api;

import org.jspecify.annotations.Nullable;

/**
 * Sends messages, and waits until each is delivered to the broker.
 *
 * @param <T> the type of the values
 */
public interface MessageWriter<T> extends MessageIO {
    /**
     * Sends a value with the current time. Blocks until the broker has confirmed it (consistency AT_LEAST_ONCE and
     * EXACTLY_ONCE) or it has been handed to the network (AT_MOST_ONCE), at most for {@code write_timeout_ms}. That time
     * includes waiting for the connection to be restored while it is lost.
     *
     * @param message the value, not null
     * @throws SinetStreamIOException when the message was not, or perhaps not, delivered; when the thread is interrupted (its
     *        interrupt flag is set again); when the writer is closed
     * @throws AuthenticationException when the broker refused the credentials at a reconnect, which ends the writer
     * @throws NullPointerException when the value is null
     * @throws ClassCastException when the value is not of the class that the serializer needs
     */
    void write(T message);

    /**
     * Like {@link #write(Object)}, with a time that the caller chooses.
     *
     * @param message the value, not null
     * @param timestamp microseconds since 1970-01-01T00:00Z, sent unchanged; 0 means unknown
     */
    void write(T message, long timestamp);

    /**
     * Like {@link #write(Object)}, with options for this message.
     *
     * @param message the value, not null
     * @param options the options, not null
     * @throws InvalidConfigurationException when an option is wrong, or the protocol version does not support it; the message
     *        is not sent
     * @throws UnsupportedOperationException when an implementation does not support options; the MQTT writers do
     */
    default void write(T message, WriteOptions options) {
        throw new UnsupportedOperationException("options of one message");
    }

    /**
     * Like {@link #write(Object, WriteOptions)}, with a time that the caller chooses.
     *
     * @param message the value, not null
     * @param timestamp as for {@link #write(Object, long)}
     * @param options the options, not null
     */
    default void write(T message, long timestamp, WriteOptions options) {
        throw new UnsupportedOperationException("options of one message");
    }

    /**
     * Waits until all messages that any thread has written before this call have completed, delivered or not, at most for
     * {@code write_timeout_ms}. The thread that wrote a message learns whether it was delivered. An implementation that
     * leaves nothing unfinished does nothing here.
     *
     * @throws SinetStreamIOException when the time limit has passed; when the writer has failed or is closed; when the thread
     *        is interrupted (its interrupt flag is set again)
     */
    default void flush() {
    }

    /**
     * Returns the serializer in use.
     *
     * @return the serializer
     */
    Serializer<T> getSerializer();

    /**
     * Tells whether several threads may write at the same time.
     *
     * @return false unless the implementation overrides this; the writers of this library return true
     */
    default boolean isThreadSafe() {
        return false;
    }

    /**
     * Returns the encoding on the wire of the message that was written last, for tests.
     *
     * @return the bytes; null before the first message
     */
    byte @Nullable [] getDebugLastMsgBytes();
}
