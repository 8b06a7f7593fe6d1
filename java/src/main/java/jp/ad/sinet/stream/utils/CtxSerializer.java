package jp.ad.sinet.stream.utils;

import jp.ad.sinet.stream.api.Serializer;

/**
 * A serializer that returns a context besides the bytes.
 *
 * @param <T> the type of the values
 * @param <CTX> the type of the context
 */
public interface CtxSerializer<T, CTX> {
    /**
     * Encodes a value.
     *
     * @param data the value
     * @return its bytes and the context
     */
    Pair<byte[], CTX> serialize(T data);

    /**
     * Returns a serializer that drops the context.
     *
     * @param serializer the serializer
     * @param <T> the type of the values
     * @param <CTX> the type of the context
     * @return a serializer for the bytes alone
     */
    static <T, CTX> Serializer<T> getSerializer(CtxSerializer<T, CTX> serializer) {
        return data -> serializer.serialize(data).getV1();
    }
}
