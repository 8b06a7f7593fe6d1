package jp.ad.sinet.stream.utils;

import java.util.Arrays;
import java.util.Objects;

/**
 * Two values. Not thread-safe.
 *
 * @param <T1> the type of the first value
 * @param <T2> the type of the second value
 */
public class Pair<T1, T2> {
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
     * @param <T1> the type of the first value
     * @param <T2> the type of the second value
     * @return the pair
     */
    public static <T1, T2> Pair<T1, T2> of(T1 v1, T2 v2) {
        return new Pair<>(v1, v2);
    }

    /**
     * The first value.
     *
     * @return the value
     */
    public T1 getV1() {
        return v1;
    }

    /**
     * The second value.
     *
     * @return the value
     */
    public T2 getV2() {
        return v2;
    }

    /**
     * Sets the first value.
     *
     * @param v1 the value
     */
    public void setV1(T1 v1) {
        this.v1 = v1;
    }

    /**
     * Sets the second value.
     *
     * @param v2 the value
     */
    public void setV2(T2 v2) {
        this.v2 = v2;
    }

    @Override
    public boolean equals(Object other) {
        if (!(other instanceof Pair)) {
            return false;
        }
        Pair<?, ?> that = (Pair<?, ?>) other;
        return Objects.deepEquals(v1, that.v1) && Objects.deepEquals(v2, that.v2);
    }

    @Override
    public int hashCode() {
        return Arrays.deepHashCode(new Object[] {v1, v2});
    }

    @Override
    public String toString() {
        return "Pair(v1=" + v1 + ", v2=" + v2 + ")";
    }
}
