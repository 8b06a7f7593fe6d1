package jp.ad.sinet.stream.utils;

import java.util.Arrays;

import org.jspecify.annotations.Nullable;

/**
 * A value with a time. It does not change; the value may.
 *
 * @param <T> the type of the value
 */
public final class Timestamped<T> {
    private final T value;
    private final long tstamp;

    /**
     * A value without a time.
     *
     * @param value the value
     */
    public Timestamped(T value) {
        this(value, 0);
    }

    /**
     * A value with its time.
     *
     * @param value the value
     * @param tstamp microseconds since 1970-01-01T00:00Z; 0 means unknown
     */
    public Timestamped(T value, long tstamp) {
        this.value = value;
        this.tstamp = tstamp;
    }

    /**
     * The value.
     *
     * @return the value
     */
    public T getValue() {
        return value;
    }

    /**
     * The time, in microseconds since 1970-01-01T00:00Z.
     *
     * @return the time; 0 means unknown
     */
    public long getTstamp() {
        return tstamp;
    }

    private Object[] fields() {
        return new Object[] {value, tstamp};
    }

    /** Equal when value and time are; arrays are compared by their content. */
    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Timestamped && Arrays.deepEquals(fields(), ((Timestamped<?>) other).fields());
    }

    @Override
    public int hashCode() {
        return Arrays.deepHashCode(fields());
    }

    /** Names the time and the class of the value, not the value. */
    @Override
    public String toString() {
        return "Timestamped(value=" + (value == null ? null : value.getClass().getTypeName()) + ", tstamp=" + tstamp
                + ")";
    }
}
