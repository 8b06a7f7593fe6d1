package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

/** The statistics of a histogram. */
class HistogramTest {
    private static final long[] BOUNDS = {100, 200, 400, Histogram.UNBOUNDED};

    private static long quantile(double part, long... counts) {
        return new Histogram(BOUNDS, counts, 0, 1000).getQuantileNanos(part);
    }

    @Test
    void aQuantileIsInTheBucketOfTheRightTime() {
        assertEquals(50, quantile(0.5, 10, 0, 0, 0));
        assertEquals(100, quantile(0.5, 5, 5, 0, 0));
        assertEquals(300, quantile(0.75, 0, 1, 1, 0));
        assertEquals(150, quantile(0.25, 0, 1, 1, 0));
        assertEquals(700, quantile(0.5, 0, 0, 0, 4), "between the last bound and the longest time");
        assertEquals(1000, quantile(1, 1, 1, 1, 1), "the longest time");
        assertEquals(1000, quantile(7, 1, 1, 1, 1));
        assertEquals(0, quantile(-7, 1, 1, 1, 1));
    }

    @Test
    void noQuantileIsAboveTheLongestTime() {
        Histogram histogram = new Histogram(BOUNDS, new long[] {0, 0, 4, 0}, 1000, 250);
        assertEquals(250, histogram.getQuantileNanos(0.99), 1);
        assertEquals(250, histogram.getQuantileNanos(1));
    }

    @Test
    void withoutATimeItIsZero() {
        assertEquals(0, Histogram.EMPTY.getQuantileNanos(0.5));
        assertEquals(0, quantile(0.5, 0, 0, 0, 0));
        assertEquals(0, Histogram.EMPTY.getCount());
    }

    @Test
    void itDoesNotChange() {
        long[] counts = {1, 2, 3, 4};
        Histogram histogram = new Histogram(BOUNDS, counts, 5, 6);
        counts[0] = 7;
        histogram.getCounts()[1] = 8;
        histogram.getBoundsNanos()[2] = 9;
        assertArrayEquals(new long[] {1, 2, 3, 4}, histogram.getCounts());
        assertArrayEquals(BOUNDS, histogram.getBoundsNanos());
        assertEquals(10, histogram.getCount());
        assertThrows(IllegalArgumentException.class, () -> new Histogram(BOUNDS, new long[1], 0, 0));
    }
}
