package jp.ad.sinet.stream.api;

import java.util.Arrays;
import java.util.stream.LongStream;

/** Times by their length, counted in buckets whose bounds are fixed: what {@link Metrics#getWriteTimes} has. It does not change. */
public final class Histogram {
    /** The bound of the last bucket of the engine's: none. */
    public static final long UNBOUNDED = Long.MAX_VALUE;
    /** One without any time. */
    public static final Histogram EMPTY = new Histogram(new long[0], new long[0], 0, 0);

    private final long[] bounds;
    private final long[] counts;
    private final long sum;
    private final long max;

    /**
     * Makes one of what was counted.
     *
     * @param bounds the upper bounds of the buckets, which belong to them, in nanoseconds and growing; the last one may be
     *        {@link #UNBOUNDED}
     * @param counts how many times each bucket holds
     * @param sum all times together, in nanoseconds
     * @param max the longest time, in nanoseconds
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
     * How many times were counted.
     *
     * @return their number
     */
    public long getCount() {
        return LongStream.of(counts).sum();
    }

    /**
     * All times together.
     *
     * @return nanoseconds
     */
    public long getSumNanos() {
        return sum;
    }

    /**
     * The longest time.
     *
     * @return nanoseconds; 0 when there is none
     */
    public long getMaxNanos() {
        return max;
    }

    /**
     * The upper bounds of the buckets, which belong to them: 0.1 ms, and each twice the one before.
     *
     * @return nanoseconds; the last one is {@link #UNBOUNDED}
     */
    public long[] getBoundsNanos() {
        return bounds.clone();
    }

    /**
     * How many times each bucket holds, those of smaller bounds not among them.
     *
     * @return as many numbers as there are bounds
     */
    public long[] getCounts() {
        return counts.clone();
    }

    /**
     * An estimate of the time that this part of all times does not exceed: it lies in the right bucket, and never above the
     * longest time.
     *
     * @param part from 0 to 1, such as 0.95
     * @return nanoseconds; 0 when there is no time
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
