import java.util.Arrays;

/** How long each blocking write took, in nanoseconds. */
final class Latencies {
    private long[] values = new long[1 << 12];
    private int count;

    void add(long nanos) {
        if (count == values.length) values = Arrays.copyOf(values, 2 * count);
        values[count++] = nanos;
    }

    void join(Latencies other) {
        for (int i = 0; i < other.count; i++) add(other.values[i]);
    }

    void sort() {
        Arrays.sort(values, 0, count);
    }

    boolean isEmpty() {
        return count == 0;
    }

    /** In microseconds: what that share of them did not exceed. They must be sorted. */
    double percentile(double share) {
        return values[(int) ((count - 1) * share)] / 1000.0;
    }
}
