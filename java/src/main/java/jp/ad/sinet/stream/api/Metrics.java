package jp.ad.sinet.stream.api;

import org.jspecify.annotations.Nullable;

/**
 * Counters and times of one client, since it was opened or its metrics were reset. This is a snapshot, which does not follow
 * the client. Not thread-safe.
 */
public class Metrics {
    private static final double MILLIS_PER_SECOND = 1000.0;

    private long startTimeMillis;
    private long endTimeMillis;
    private long msgCountTotal;
    private long msgUncompressedBytesTotal;
    private long msgCompressedBytesTotal;
    private long msgBytesTotal;
    private long msgSizeMin = -1;
    private long msgSizeMax = -1;
    private long errorCountTotal;
    private Histogram writeTimes = Histogram.EMPTY;
    private @Nullable Object raw;

    /** Makes metrics without any messages. */
    public Metrics() {
    }

    /**
     * Returns the start time in seconds since 1970-01-01T00:00Z.
     *
     * @return the start time in seconds since 1970-01-01T00:00Z
     */
    public double getStartTime() {
        return startTimeMillis / MILLIS_PER_SECOND;
    }

    /**
     * Returns the end time in seconds since 1970-01-01T00:00Z.
     *
     * @return the end time in seconds since 1970-01-01T00:00Z
     */
    public double getEndTime() {
        return endTimeMillis / MILLIS_PER_SECOND;
    }

    /**
     * Returns the seconds from start to end time.
     *
     * @return seconds from start to end time
     */
    public double getTime() {
        return getTimeMillis() / MILLIS_PER_SECOND;
    }

    /**
     * Returns the milliseconds from start to end time.
     *
     * @return milliseconds from start to end time
     */
    public long getTimeMillis() {
        return endTimeMillis - startTimeMillis;
    }

    /**
     * Returns the messages per second, 0 when no time has passed.
     *
     * @return messages per second, 0 when no time has passed
     */
    public double getMsgCountRate() {
        return ratio(msgCountTotal, getTime(), 0);
    }

    /**
     * Returns the compressed bytes divided by the uncompressed bytes, 1 when there are none.
     *
     * @return the value
     */
    public double getMsgCompressionRatio() {
        return ratio(msgCompressedBytesTotal, msgUncompressedBytesTotal, 1);
    }

    /**
     * Returns the bytes per second, 0 when no time has passed.
     *
     * @return bytes per second, 0 when no time has passed
     */
    public double getMsgBytesRate() {
        return ratio(msgBytesTotal, getTime(), 0);
    }

    /**
     * Returns the mean size of a message in bytes, 0 before the first one.
     *
     * @return mean size of a message in bytes, 0 before the first one
     */
    public double getMsgSizeAvg() {
        return ratio(msgBytesTotal, msgCountTotal, 0);
    }

    /**
     * Returns the errors per second, 0 when no time has passed.
     *
     * @return errors per second, 0 when no time has passed
     */
    public double getErrorCountRate() {
        return ratio(errorCountTotal, getTime(), 0);
    }

    private static double ratio(double dividend, double divisor, double otherwise) {
        return divisor == 0 ? otherwise : dividend / divisor;
    }

    /**
     * Returns when counting began, in milliseconds since 1970-01-01T00:00Z.
     *
     * @return the value
     */
    public long getStartTimeMillis() {
        return startTimeMillis;
    }

    /**
     * Sets the value of {@link #getStartTimeMillis}.
     *
     * @param startTimeMillis the value
     */
    public void setStartTimeMillis(long startTimeMillis) {
        this.startTimeMillis = startTimeMillis;
    }

    /**
     * Returns when the last message was counted, in milliseconds since 1970-01-01T00:00Z.
     *
     * @return the value
     */
    public long getEndTimeMillis() {
        return endTimeMillis;
    }

    /**
     * Sets the value of {@link #getEndTimeMillis}.
     *
     * @param endTimeMillis the value
     */
    public void setEndTimeMillis(long endTimeMillis) {
        this.endTimeMillis = endTimeMillis;
    }

    /**
     * Returns the number of messages.
     *
     * @return the value
     */
    public long getMsgCountTotal() {
        return msgCountTotal;
    }

    /**
     * Sets the value of {@link #getMsgCountTotal}.
     *
     * @param msgCountTotal the value
     */
    public void setMsgCountTotal(long msgCountTotal) {
        this.msgCountTotal = msgCountTotal;
    }

    /**
     * Returns the bytes of all values before compression.
     *
     * @return the value
     */
    public long getMsgUncompressedBytesTotal() {
        return msgUncompressedBytesTotal;
    }

    /**
     * Sets the value of {@link #getMsgUncompressedBytesTotal}.
     *
     * @param msgUncompressedBytesTotal the value
     */
    public void setMsgUncompressedBytesTotal(long msgUncompressedBytesTotal) {
        this.msgUncompressedBytesTotal = msgUncompressedBytesTotal;
    }

    /**
     * Returns the bytes of all values after compression.
     *
     * @return the value
     */
    public long getMsgCompressedBytesTotal() {
        return msgCompressedBytesTotal;
    }

    /**
     * Sets the value of {@link #getMsgCompressedBytesTotal}.
     *
     * @param msgCompressedBytesTotal the value
     */
    public void setMsgCompressedBytesTotal(long msgCompressedBytesTotal) {
        this.msgCompressedBytesTotal = msgCompressedBytesTotal;
    }

    /**
     * Returns the bytes of all messages, as encoded for the wire, without the overhead of MQTT.
     *
     * @return the value
     */
    public long getMsgBytesTotal() {
        return msgBytesTotal;
    }

    /**
     * Sets the value of {@link #getMsgBytesTotal}.
     *
     * @param msgBytesTotal the value
     */
    public void setMsgBytesTotal(long msgBytesTotal) {
        this.msgBytesTotal = msgBytesTotal;
    }

    /**
     * Returns the bytes of the smallest message, -1 before the first one.
     *
     * @return the value
     */
    public long getMsgSizeMin() {
        return msgSizeMin;
    }

    /**
     * Sets the value of {@link #getMsgSizeMin}.
     *
     * @param msgSizeMin the value
     */
    public void setMsgSizeMin(long msgSizeMin) {
        this.msgSizeMin = msgSizeMin;
    }

    /**
     * Returns the bytes of the largest message, -1 before the first one.
     *
     * @return the value
     */
    public long getMsgSizeMax() {
        return msgSizeMax;
    }

    /**
     * Sets the value of {@link #getMsgSizeMax}.
     *
     * @param msgSizeMax the value
     */
    public void setMsgSizeMax(long msgSizeMax) {
        this.msgSizeMax = msgSizeMax;
    }

    /**
     * Returns the number of errors.
     *
     * @return the value
     */
    public long getErrorCountTotal() {
        return errorCountTotal;
    }

    /**
     * Sets the value of {@link #getErrorCountTotal}.
     *
     * @param errorCountTotal the value
     */
    public void setErrorCountTotal(long errorCountTotal) {
        this.errorCountTotal = errorCountTotal;
    }

    /**
     * Returns how long each confirmed message took from its acceptance by the outbox to the broker's confirmation: PUBACK, at
     * QoS 2 PUBCOMP. At QoS 0, which has no confirmation, the time ends when the message has been given to the operating
     * system. A message that an outbox on disk has kept counts from its first acceptance, even by an earlier process.
     *
     * @return the times; empty for readers and for the clients of plugins
     */
    public Histogram getWriteTimes() {
        return writeTimes;
    }

    /**
     * Sets the value of {@link #getWriteTimes}.
     *
     * @param writeTimes the value
     */
    public void setWriteTimes(Histogram writeTimes) {
        this.writeTimes = writeTimes;
    }

    /**
     * Returns the metrics of the messaging system itself. For MQTT this is the map that {@link MessageIO#getInfo(String)}
     * returns for {@code connection}.
     *
     * @return the value, or null
     */
    public @Nullable Object getRaw() {
        return raw;
    }

    /**
     * Sets the raw metrics.
     *
     * @param raw the value
     */
    public void setRaw(@Nullable Object raw) {
        this.raw = raw;
    }

    @Override
    public String toString() {
        return "Metrics(startTimeMillis=" + startTimeMillis
                + ", endTimeMillis=" + endTimeMillis
                + ", msgCountTotal=" + msgCountTotal
                + ", msgUncompressedBytesTotal=" + msgUncompressedBytesTotal
                + ", msgCompressedBytesTotal=" + msgCompressedBytesTotal
                + ", msgBytesTotal=" + msgBytesTotal
                + ", msgSizeMin=" + msgSizeMin
                + ", msgSizeMax=" + msgSizeMax
                + ", errorCountTotal=" + errorCountTotal
                + ", writeTimes=" + writeTimes
                + ", raw=" + raw + ")";
    }
}
