package jp.ad.sinet.stream.api;

/**
 * Turns bytes into values. A reader never calls it from two threads at once.
 *
 * @param <T> the type of the values
 */
@FunctionalInterface
public interface Deserializer<T> {
    /**
     * Turns bytes into a value.
     *
     * @param bytes the bytes of one message, which the callee may keep
     * @return the value
     */
    T deserialize(byte[] bytes);
}
