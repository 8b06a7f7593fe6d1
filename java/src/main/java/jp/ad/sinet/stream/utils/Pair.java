package jp.ad.sinet.stream.utils;

import java.util.Objects;

import org.jspecify.annotations.Nullable;

/**
 * A pair of values. Not thread-safe.
 *
 * @param <T1> the first value's type
 * @param <T2> the second value's type
 */
public class Pair<T1 extends @Nullable Object, T2 extends @Nullable Object> {
    private T1 v1;
    private T2 v2;

    /**
     * Makes a pair.
     *
     * @param v1 the first value
     * @param v2 the second value
     */
    public Pair(T1 v1, T2 v2) {
        this.v1 = v1;
        this.v2 = v2;
    }

    /**
     * Makes a pair.
     *
     * @param v1 the first value
     * @param v2 the second value
     * @param <T1> the first value's type
     * @param <T2> the second value's type
     * @return the pair
     */
    public static <T1 extends @Nullable Object, T2 extends @Nullable Object> Pair<T1, T2> of(T1 v1, T2 v2) {
        return new Pair<>(v1, v2);
    }

    /**
     * Returns the first value.
     *
     * @return the value
     */
    public T1 getV1() {
        return v1;
    }

    /**
     * Returns the second value.
     *
     * @return the value
     */
    public T2 getV2() {
        return v2;
    }

    /**
     * Replaces the first value.
     *
     * @param v1 the value
     */
    public void setV1(T1 v1) {
        this.v1 = v1;
    }

    /**
     * Replaces the second value.
     *
     * @param v2 the value
     */
    public void setV2(T2 v2) {
        this.v2 = v2;
    }

    /** Compares both values. */
    @Override
    public boolean equals(Object other) {
        return other instanceof Pair && Objects.equals(v1, ((Pair<?, ?>) other).v1)
                && Objects.equals(v2, ((Pair<?, ?>) other).v2);
    }

    @Override
    public int hashCode() {
        return Objects.hash(v1, v2);
    }

    /** Shows both values. */
    @Override
    public String toString() {
        return "Pair(v1=" + v1 + ", v2=" + v2 + ")";
    }
}
