package jp.ad.sinet.stream.api;

import java.time.Duration;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * The common interface of readers and writers. Any thread may call any method. After {@link #close} all methods still work
 * except those that transfer messages.
 */
public interface MessageIO extends AutoCloseable {
    /**
     * Returns the name of the service in the configuration file.
     *
     * @return the name; null when no file is used
     */
    @Nullable String getService();

    /**
     * Returns the topic; for a reader with several topics, all of them joined by commas.
     *
     * @return the topic
     */
    String getTopic();

    /**
     * Returns the consistency in force.
     *
     * @return the consistency
     */
    Consistency getConsistency();

    /**
     * Returns the client identifier that is shown to the broker.
     *
     * @return the configured or generated identifier
     */
    String getClientId();

    /**
     * Returns the parameters in force, from the file and the builder together. Secrets are masked.
     *
     * @return a map that cannot be modified
     */
    Map<String, Object> getConfig();

    /**
     * Returns the value type.
     *
     * @return the value type; null when this library does not know it and a serializer or deserializer was given instead
     */
    @Nullable ValueType getValueType();

    /**
     * Tells whether messages are encrypted.
     *
     * @return true when they are
     */
    boolean isDataEncryption();

    /**
     * Returns counters and times of this client. After {@link #close} they are those at the time of the close.
     *
     * @return a snapshot
     */
    Metrics getMetrics();

    /**
     * Resets all counters to zero and the start time to now. Does nothing after {@link #close}.
     *
     * @param doResetRaw whether the counters of the messaging system are reset too; those of MQTT never are
     */
    void resetMetrics(boolean doResetRaw);

    /** Same as {@code resetMetrics(false)}. */
    default void resetMetrics() {
        resetMetrics(false);
    }

    /**
     * Returns information that the messaging system offers under a name. MQTT has {@code connection}, a map with
     * <ul>
     * <li>{@code connected} (Boolean): whether there is a connection now,
     * <li>{@code reconnects} (Long, as all that follow): how often the connection was restored,
     * <li>{@code resent}: messages sent again after a reconnect,
     * <li>{@code outbox_messages}, {@code outbox_bytes}: written, but not confirmed yet, in memory or on disk,
     * <li>{@code outbox_age_ms}: how long the oldest of them has been in the outbox on disk; 0 without one,
     * <li>{@code outbox_dropped}: given up by the outbox on disk: too old, dropped for newer ones, or refused by the broker,
     * <li>{@code in_flight}: messages of the outbox that have been sent and are not acknowledged yet,
     * <li>{@code inbox_messages}, {@code inbox_bytes}: received, but not read yet, or not yet acknowledged by a program that
     * acknowledges its messages itself.
     * </ul>
     * A name such as {@code connection.reconnects} returns one of these values. After {@link #close} they are those at the
     * time of the close.
     *
     * @param ipath the name; null or empty for a map of everything
     * @return the information, in maps that cannot be modified; null for a name that is not known
     */
    @Nullable Object getInfo(@Nullable String ipath);

    /**
     * Same as {@code getInfo(null)}: everything.
     *
     * @return the information, or null when there is none
     */
    default @Nullable Object getInfo() {
        return getInfo(null);
    }

    /**
     * Tells whether there is a connection now. While there is none, writes and reads wait until it is restored.
     *
     * @return true when there is a connection; an implementation that does not know returns true as well
     */
    default boolean isConnected() {
        return true;
    }

    /**
     * Runs an action once when this client is closed, or has been collected as garbage without a close; at once when the
     * client is closed already. The thread that closes runs it, or one of the library's, and what it throws is logged.
     *
     * @param action must not refer to the client, which would never be collected then
     * @throws UnsupportedOperationException when an implementation does not offer this; those of this library do
     */
    default void onClose(Runnable action) {
        throw new UnsupportedOperationException("this client does not tell of its close");
    }

    /**
     * Asks the broker for a sign of life (PINGREQ), and waits for the answer. Nothing is published.
     *
     * @param timeout how long to wait
     * @throws ConnectionException when there is no connection, or no answer within the timeout
     * @throws SinetStreamIOException when the thread is interrupted (its interrupt flag is set again); when the client
     *         is closed
     * @throws UnsupportedOperationException when an implementation cannot ping, as the clients of plugins; the MQTT clients
     *        can
     */
    default void ping(Duration timeout) {
        throw new UnsupportedOperationException("ping");
    }

    /**
     * Closes the client: sends what is still to be sent, within a time limit, and disconnects. Blocks until that is done; an
     * interrupt ends the wait and cuts the connection. Reads and writes that wait in other threads fail. A second call does
     * nothing.
     *
     * @throws SinetStreamIOException when messages could not be delivered; the client is closed all the same
     */
    @Override
    void close();

    /**
     * Like {@link #close()}, within a time that the caller chooses instead of {@code close_timeout_ms}. Running callbacks are
     * waited for no longer than this, either.
     *
     * @param timeout how long to wait; zero to cut the connection at once
     * @throws SinetStreamIOException when messages could not be delivered; the client is closed all the same
     */
    default void closeWithin(Duration timeout) {
        close();
    }
}
