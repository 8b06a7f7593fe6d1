package jp.ad.sinet.stream.api;

import org.jspecify.annotations.Nullable;

/**
 * What JMX shows of a client whose builder was given {@code jmx(true)}. Numbers that a client does not have are 0: the inbox of a
 * writer, for instance, and everything of the connection for the client of a plugin.
 */
public interface ClientMXBean {
    /**
     * The client identifier.
     *
     * @return as {@link MessageIO#getClientId}
     */
    String getClientId();

    /**
     * The service in the configuration file.
     *
     * @return its name; null when no file is used
     */
    @Nullable String getService();

    /**
     * The topics.
     *
     * @return as {@link MessageIO#getTopic}
     */
    String getTopic();

    /**
     * Whether there is a connection now.
     *
     * @return as {@link MessageIO#isConnected}
     */
    boolean isConnected();

    /**
     * When counting began.
     *
     * @return milliseconds since 1970
     */
    long getStartTimeMillis();

    /**
     * Messages written and confirmed, or read.
     *
     * @return since counting began, as all totals of messages, bytes and errors
     */
    long getMessagesTotal();

    /**
     * Bytes of the messages, without MQTT's own.
     *
     * @return the bytes
     */
    long getBytesTotal();

    /**
     * Bytes of the values before compression.
     *
     * @return the bytes
     */
    long getUncompressedBytesTotal();

    /**
     * Bytes of the values after compression.
     *
     * @return the bytes
     */
    long getCompressedBytesTotal();

    /**
     * Writes that failed; messages that could not be decoded, and the end of a reader that was not closed.
     *
     * @return their number
     */
    long getErrorsTotal();

    /**
     * How often the connection came back.
     *
     * @return the number since the client was opened
     */
    long getReconnectsTotal();

    /**
     * Messages sent again because of that.
     *
     * @return the number since the client was opened
     */
    long getResentTotal();

    /**
     * Messages that were written and are not confirmed.
     *
     * @return their number now
     */
    long getOutboxMessages();

    /**
     * Their bytes.
     *
     * @return the bytes now
     */
    long getOutboxBytes();

    /**
     * How long the oldest message has been in the outbox on disk.
     *
     * @return milliseconds now; 0 without such an outbox, and when nothing waits
     */
    long getOutboxAgeMillis();

    /**
     * Messages that the outbox on disk has given up: too old, dropped for newer ones, or refused by the broker.
     *
     * @return the number since the client was opened
     */
    long getOutboxDroppedTotal();

    /**
     * Those of them that have been sent.
     *
     * @return their number now
     */
    long getInFlight();

    /**
     * Messages that were received and are not read.
     *
     * @return their number now
     */
    long getInboxMessages();

    /**
     * Their bytes.
     *
     * @return the bytes now
     */
    long getInboxBytes();

    /**
     * Messages whose time from {@code write} to the broker's confirmation was measured; see {@link Metrics#getWriteTimes}.
     *
     * @return their number since counting began
     */
    long getWriteCount();

    /**
     * Those times together.
     *
     * @return milliseconds
     */
    double getWriteMillisSum();

    /**
     * The longest of them.
     *
     * @return milliseconds
     */
    double getWriteMillisMax();

    /**
     * The time that half of them do not exceed, estimated.
     *
     * @return milliseconds
     */
    double getWriteMillisP50();

    /**
     * The time that 95 of 100 do not exceed, estimated.
     *
     * @return milliseconds
     */
    double getWriteMillisP95();

    /**
     * The time that 99 of 100 do not exceed, estimated.
     *
     * @return milliseconds
     */
    double getWriteMillisP99();

    /** Sets the counters of messages, bytes, errors and times to zero. */
    void resetMetrics();
}
