package jp.ad.sinet.stream.utils;

import java.util.Arrays;

import org.jspecify.annotations.Nullable;

/**
 * A value with a time. Immutable, except that the value may be mutable.
 *
 * @param <T> the type of the value
 */
public final class Timestamped<T> {
    private final T value;
    private final long tstamp;

    /**
     * Makes a value without a time.
     *
     * @param value the value
     */
    public Timestamped(T value) {
        this(value, 0);
    }

    /**
     * Makes a value with a time.
     *
     * @param value the value
     * @param tstamp microseconds since 1970-01-01T00:00Z; 0 means unknown
     */
    public Timestamped(T value, long tstamp) {
        this.value = value;
        this.tstamp = tstamp;
    }

    /**
     * Returns the value.
     *
     * @return the value
     */
    public T getValue() {
        return value;
    }

    /**
     * Returns the time, in microseconds since 1970-01-01T00:00Z.
     *
     * @return the time; 0 means unknown
     */
    public long getTstamp() {
        return tstamp;
    }

    private Object[] fields() {
        return new Object[] {value, tstamp};
    }

    /** Compares the values and the times; arrays are compared by their content. */
    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Timestamped && Arrays.deepEquals(fields(), ((Timestamped<?>) other).fields());
    }

    @Override
    public int hashCode() {
        return Arrays.deepHashCode(fields());
    }

    /** Shows the time and the class of the value, but not the value. */
    @Override
    public String toString() {
        return "Timestamped(value=" + (value == null ? null : value.getClass().getTypeName()) + ", tstamp=" + tstamp
                + ")";
    }
}
