package jp.ad.sinet.stream.api;

import java.time.Duration;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * What readers and writers have in common. All methods may be called by any thread; after {@link #close} everything
 * but the transfer of messages still works.
 */
public interface MessageIO extends AutoCloseable {
    /**
     * The service in the configuration file.
     *
     * @return its name; null when no file is used
     */
    @Nullable String getService();

    /**
     * The topic. For a reader with several topics, all of them joined by commas.
     *
     * @return the topic
     */
    String getTopic();

    /**
     * The consistency in force.
     *
     * @return the consistency
     */
    Consistency getConsistency();

    /**
     * The client identifier that is shown to the broker.
     *
     * @return the configured or generated identifier
     */
    String getClientId();

    /**
     * The parameters in force, from the file and the builder together. Secrets are masked.
     *
     * @return a map that cannot be modified
     */
    Map<String, Object> getConfig();

    /**
     * The kind of values.
     *
     * @return the value type; null when it is not known to this library and a (de)serializer was given instead
     */
    @Nullable ValueType getValueType();

    /**
     * Tells whether messages are encrypted.
     *
     * @return true when they are
     */
    boolean isDataEncryption();

    /**
     * Counters and times of this client. After {@link #close}, those at the end.
     *
     * @return a snapshot
     */
    Metrics getMetrics();

    /**
     * Sets all counters to zero and the start time to now. Does nothing after {@link #close}.
     *
     * @param doResetRaw whether counters of the messaging system are reset too; those of MQTT are never
     */
    void resetMetrics(boolean doResetRaw);

    /** Same as {@code resetMetrics(false)}. */
    default void resetMetrics() {
        resetMetrics(false);
    }

    /**
     * Information that a messaging system offers under a name; MQTT has {@code connection}, a map with
     * <ul>
     * <li>{@code connected} (Boolean): whether there is a connection now,
     * <li>{@code reconnects} (Long, as all that follow): how often the connection came back,
     * <li>{@code resent}: messages sent again because of that,
     * <li>{@code outbox_messages}, {@code outbox_bytes}: written, but not confirmed yet, in memory or on disk,
     * <li>{@code outbox_age_ms}: how long the oldest of them has been in the outbox on disk; 0 without one,
     * <li>{@code outbox_dropped}: given up by the outbox on disk: too old, dropped for newer ones, or refused by the broker,
     * <li>{@code in_flight}: those among them that have been sent,
     * <li>{@code inbox_messages}, {@code inbox_bytes}: received, but not read yet, or not acknowledged yet by a program that does so.
     * </ul>
     * A name such as {@code connection.reconnects} gives one of these values. After {@link #close}, those at the end.
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
     * Tells whether there is a connection now. While there is none, writes and reads wait for it to come back.
     *
     * @return true when there is; an implementation that does not know says so too
     */
    default boolean isConnected() {
        return true;
    }

    /**
     * Has something done when this client is closed, or was collected as garbage without that; at once when it is closed already. It is done
     * once, by the thread that closes or by one of the library's, and what it throws is logged.
     *
     * @param action must not refer to the client, which would never be collected then
     * @throws UnsupportedOperationException when an implementation does not offer this; those of this library do
     */
    default void onClose(Runnable action) {
        throw new UnsupportedOperationException("this client does not tell of its close");
    }

    /**
     * Asks the broker for a sign of life, and waits for it. Nothing is published.
     *
     * @param timeout how long to wait
     * @throws ConnectionException when there is no connection, or no answer in time
     * @throws SinetStreamIOException when the thread is interrupted (its interrupt flag is set again); when the client
     *         is closed
     * @throws UnsupportedOperationException when an implementation has no such question, as plugins; the MQTT clients
     *         have
     */
    default void ping(Duration timeout) {
        throw new UnsupportedOperationException("ping");
    }

    /**
     * Ends the client: sends what is still to be sent, within a time limit, and disconnects. Blocks until that is done;
     * an interrupt ends the wait and cuts the connection. Reads and writes that wait in other threads fail. A second
     * call does nothing.
     *
     * @throws SinetStreamIOException when messages could not be delivered; the client is closed all the same
     */
    @Override
    void close();

    /**
     * Like {@link #close()}, within a time of your own instead of {@code close_timeout_ms}. It is also the longest that this waits for
     * callbacks.
     *
     * @param timeout how long to wait; zero to cut the connection at once
     * @throws SinetStreamIOException when messages could not be delivered; the client is closed all the same
     */
    default void closeWithin(Duration timeout) {
        close();
    }
}
