package jp.ad.sinet.stream.api;

import org.jspecify.annotations.Nullable;

/**
 * The attributes and operations that JMX shows for a client whose builder was given {@code jmx(true)}. Numbers that do not
 * apply to a client are 0: the inbox of a writer, for instance, and everything about the connection for the client of a
 * plugin.
 */
public interface ClientMXBean {
    /**
     * Returns the client identifier.
     *
     * @return as {@link MessageIO#getClientId} returns it
     */
    String getClientId();

    /**
     * Returns the name of the service in the configuration file.
     *
     * @return the name; null when no file is used
     */
    @Nullable String getService();

    /**
     * Returns the topics.
     *
     * @return as {@link MessageIO#getTopic} returns them
     */
    String getTopic();

    /**
     * Tells whether there is a connection now.
     *
     * @return as {@link MessageIO#isConnected} returns it
     */
    boolean isConnected();

    /**
     * Returns when counting began.
     *
     * @return milliseconds since 1970
     */
    long getStartTimeMillis();

    /**
     * Returns the number of messages that were written and confirmed, or read.
     *
     * @return the number since counting began, as for all totals of messages, bytes and errors
     */
    long getMessagesTotal();

    /**
     * Returns the number of bytes of the messages, without the overhead of MQTT.
     *
     * @return the bytes
     */
    long getBytesTotal();

    /**
     * Returns the number of bytes of the values before compression.
     *
     * @return the bytes
     */
    long getUncompressedBytesTotal();

    /**
     * Returns the number of bytes of the values after compression.
     *
     * @return the bytes
     */
    long getCompressedBytesTotal();

    /**
     * Returns the number of writes that failed, or of messages that could not be decoded; the failure of a reader counts as
     * one.
     *
     * @return their number
     */
    long getErrorsTotal();

    /**
     * Returns how often the connection was restored.
     *
     * @return the number since the client was opened
     */
    long getReconnectsTotal();

    /**
     * Returns how many messages were sent again after a reconnect.
     *
     * @return the number since the client was opened
     */
    long getResentTotal();

    /**
     * Returns how many messages were written and are not confirmed yet.
     *
     * @return their number now
     */
    long getOutboxMessages();

    /**
     * Returns the bytes of the messages in the outbox.
     *
     * @return the bytes now
     */
    long getOutboxBytes();

    /**
     * Returns how long the oldest message has been in the outbox on disk.
     *
     * @return milliseconds now; 0 without such an outbox, and when nothing waits
     */
    long getOutboxAgeMillis();

    /**
     * Returns how many messages the outbox on disk has given up: too old, dropped for newer ones, or refused by the broker.
     *
     * @return the number since the client was opened
     */
    long getOutboxDroppedTotal();

    /**
     * Returns how many messages of the outbox have been sent and are not acknowledged yet (the in-flight window).
     *
     * @return their number now
     */
    long getInFlight();

    /**
     * Returns how many messages were received and are not read yet.
     *
     * @return their number now
     */
    long getInboxMessages();

    /**
     * Returns the bytes of the messages in the inbox.
     *
     * @return the bytes now
     */
    long getInboxBytes();

    /**
     * Returns how many messages had their time from {@code write} to the broker's confirmation measured; see
     * {@link Metrics#getWriteTimes}.
     *
     * @return their number since counting began
     */
    long getWriteCount();

    /**
     * Returns the sum of the times from {@code write} to confirmation.
     *
     * @return milliseconds
     */
    double getWriteMillisSum();

    /**
     * Returns the longest time from {@code write} to confirmation.
     *
     * @return milliseconds
     */
    double getWriteMillisMax();

    /**
     * Returns an estimate of the time that half of the confirmed writes did not exceed.
     *
     * @return milliseconds
     */
    double getWriteMillisP50();

    /**
     * Returns an estimate of the time that 95 of 100 confirmed writes did not exceed.
     *
     * @return milliseconds
     */
    double getWriteMillisP95();

    /**
     * Returns an estimate of the time that 99 of 100 confirmed writes did not exceed.
     *
     * @return milliseconds
     */
    double getWriteMillisP99();

    /** Sets the counters of messages, bytes, errors and times to zero. */
    void resetMetrics();
}
