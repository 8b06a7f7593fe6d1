package jp.ad.sinet.stream.api;

import java.util.Arrays;
import java.util.stream.LongStream;

/** Durations, counted in buckets with fixed bounds; {@link Metrics#getWriteTimes} returns one. Immutable. */
public final class Histogram {
    /** The bound of the engine's last bucket, which has no limit. */
    public static final long UNBOUNDED = Long.MAX_VALUE;
    /** A histogram without any durations. */
    public static final Histogram EMPTY = new Histogram(new long[0], new long[0], 0, 0);

    private final long[] bounds;
    private final long[] counts;
    private final long sum;
    private final long max;

    /**
     * Makes a histogram from counts.
     *
     * @param bounds the inclusive upper bounds of the buckets, in nanoseconds and ascending; the last one may be
     *        {@link #UNBOUNDED}
     * @param counts the number of durations in each bucket
     * @param sum the sum of all durations, in nanoseconds
     * @param max the longest duration, in nanoseconds
     */
    public Histogram(long[] bounds, long[] counts, long sum, long max) {
        if (bounds.length != counts.length) {
            throw new IllegalArgumentException("there are " + bounds.length + " bounds, and " + counts.length + " counts");
        }
        this.bounds = bounds.clone();
        this.counts = counts.clone();
        this.sum = sum;
        this.max = max;
    }

    /**
     * Returns how many durations were counted.
     *
     * @return their number
     */
    public long getCount() {
        return LongStream.of(counts).sum();
    }

    /**
     * Returns the sum of all durations.
     *
     * @return nanoseconds
     */
    public long getSumNanos() {
        return sum;
    }

    /**
     * Returns the longest duration.
     *
     * @return nanoseconds; 0 when there is none
     */
    public long getMaxNanos() {
        return max;
    }

    /**
     * Returns the inclusive upper bounds of the buckets: 0.1 ms, and each twice the previous one.
     *
     * @return nanoseconds; the last one is {@link #UNBOUNDED}
     */
    public long[] getBoundsNanos() {
        return bounds.clone();
    }

    /**
     * Returns how many durations are in each bucket, without those of the smaller buckets.
     *
     * @return as many numbers as there are bounds
     */
    public long[] getCounts() {
        return counts.clone();
    }

    /**
     * Returns an estimate of the duration that the given part of all durations does not exceed. The estimate lies in the same
     * bucket as the exact value, and never exceeds the longest duration.
     *
     * @param part from 0 to 1, such as 0.95
     * @return nanoseconds; 0 when there is no duration
     */
    public long getQuantileNanos(double part) {
        double wanted = Math.max(0, Math.min(1, part)) * getCount();
        long below = 0;
        for (int i = 0; i < counts.length; i++) {
            if (counts[i] > 0 && below + counts[i] >= wanted) {
                long from = i == 0 ? 0 : bounds[i - 1];
                long to = Math.min(bounds[i], max);
                double share = Math.max(0, (wanted - below) / counts[i]);
                return from + Math.round(Math.max(0, to - from) * share);
            }
            below += counts[i];
        }
        return 0;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Histogram && sum == ((Histogram) other).sum && max == ((Histogram) other).max
                && Arrays.equals(bounds, ((Histogram) other).bounds) && Arrays.equals(counts, ((Histogram) other).counts);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(counts) + Long.hashCode(sum);
    }

    @Override
    public String toString() {
        return "Histogram(count=" + getCount() + ", sumNanos=" + sum + ", maxNanos=" + max + ")";
    }
}
