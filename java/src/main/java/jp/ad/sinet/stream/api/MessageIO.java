package jp.ad.sinet.stream.api;

import java.util.Map;

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
    String getService();

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
    ValueType getValueType();

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
     * @param doResetRaw whether counters of the messaging system are reset too; MQTT has none
     */
    void resetMetrics(boolean doResetRaw);

    /** Same as {@code resetMetrics(false)}. */
    default void resetMetrics() {
        resetMetrics(false);
    }

    /**
     * Information that a messaging system offers under a name.
     *
     * @param ipath the name
     * @return the information, or null for a name that is not known
     */
    Object getInfo(String ipath);

    /**
     * Same as {@code getInfo(null)}.
     *
     * @return the information, or null
     */
    default Object getInfo() {
        return getInfo(null);
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
}
