package jp.ad.sinet.stream.api;

/**
 * Turns values into bytes. A writer may call it from several threads at once.
 *
 * @param <T> the type of the values
 */
@FunctionalInterface
public interface Serializer<T> {
    /**
     * Turns one value into bytes.
     *
     * @param data the value, never null when called by a writer
     * @return its bytes, never null
     */
    byte[] serialize(T data);
}
