package jp.ad.sinet.stream.utils;

import java.util.Arrays;
import java.util.Objects;

/**
 * A value with a time. It does not change; its value may.
 *
 * @param <T> the type of the value
 */
public final class Timestamped<T> {
    private final T value;
    private final long tstamp;

    /**
     * A value whose time is not known.
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
     * The time.
     *
     * @return microseconds since 1970-01-01T00:00Z; 0 means unknown
     */
    public long getTstamp() {
        return tstamp;
    }

    /** Equal when value and time are equal; arrays are compared by their content. */
    @Override
    public boolean equals(Object other) {
        if (!(other instanceof Timestamped)) {
            return false;
        }
        Timestamped<?> that = (Timestamped<?>) other;
        return tstamp == that.tstamp && Objects.deepEquals(value, that.value);
    }

    @Override
    public int hashCode() {
        return Arrays.deepHashCode(new Object[] {value, tstamp});
    }

    /** Names the time and the class of the value, not the value. */
    @Override
    public String toString() {
        return "Timestamped(tstamp=" + tstamp + ", value="
                + (value == null ? "null" : value.getClass().getTypeName()) + ")";
    }
}
