package jp.ad.sinet.stream.api;

import org.jspecify.annotations.Nullable;

/**
 * Counters and times of one client, since it was opened or its metrics were reset. A snapshot: it does not change by
 * itself. Not thread-safe.
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

    /** Makes metrics without any message. */
    public Metrics() {
    }

    /**
     * Start time in seconds since 1970-01-01T00:00Z.
     *
     * @return start time in seconds since 1970-01-01T00:00Z
     */
    public double getStartTime() {
        return startTimeMillis / MILLIS_PER_SECOND;
    }

    /**
     * End time in seconds since 1970-01-01T00:00Z.
     *
     * @return end time in seconds since 1970-01-01T00:00Z
     */
    public double getEndTime() {
        return endTimeMillis / MILLIS_PER_SECOND;
    }

    /**
     * Seconds from start to end time.
     *
     * @return seconds from start to end time
     */
    public double getTime() {
        return getTimeMillis() / MILLIS_PER_SECOND;
    }

    /**
     * Milliseconds from start to end time.
     *
     * @return milliseconds from start to end time
     */
    public long getTimeMillis() {
        return endTimeMillis - startTimeMillis;
    }

    /**
     * Messages per second, 0 when no time has passed.
     *
     * @return messages per second, 0 when no time has passed
     */
    public double getMsgCountRate() {
        return ratio(msgCountTotal, getTime(), 0);
    }

    /**
     * Compressed bytes divided by uncompressed bytes, 1 when there are none.
     *
     * @return the value
     */
    public double getMsgCompressionRatio() {
        return ratio(msgCompressedBytesTotal, msgUncompressedBytesTotal, 1);
    }

    /**
     * Bytes per second, 0 when no time has passed.
     *
     * @return bytes per second, 0 when no time has passed
     */
    public double getMsgBytesRate() {
        return ratio(msgBytesTotal, getTime(), 0);
    }

    /**
     * Mean size of a message in bytes, 0 before the first one.
     *
     * @return mean size of a message in bytes, 0 before the first one
     */
    public double getMsgSizeAvg() {
        return ratio(msgBytesTotal, msgCountTotal, 0);
    }

    /**
     * Errors per second, 0 when no time has passed.
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
     * When counting began, in milliseconds since 1970-01-01T00:00Z.
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
     * When the last message was counted, in milliseconds since 1970-01-01T00:00Z.
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
     * Number of messages.
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
     * Bytes of all values before compression.
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
     * Bytes of all values after compression.
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
     * Bytes of all messages, as encoded for the wire, without the overhead of MQTT.
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
     * Bytes of the smallest message, -1 before the first one.
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
     * Bytes of the largest message, -1 before the first one.
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
     * Number of errors.
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
     * How long each confirmed message took, from the moment when the outbox took it to the broker's confirmation: PUBACK, at QoS 2
     * PUBCOMP. At QoS 0, which has none, to the moment when the operating system had it. Messages that an outbox on disk has
     * kept count from their first acceptance, also by an earlier process.
     *
     * @return the times; none for a reader, and for clients of plugins
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
     * Metrics of the messaging system itself. For MQTT the map that {@link MessageIO#getInfo(String)} has under
     * {@code connection}.
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
