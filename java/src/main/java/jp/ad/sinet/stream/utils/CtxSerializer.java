package jp.ad.sinet.stream.utils;

import jp.ad.sinet.stream.api.Serializer;

/**
 * A serializer that gives something besides the bytes.
 *
 * @param <T> the type of the values
 * @param <CTX> what it gives besides
 */
public interface CtxSerializer<T, CTX> {
    /**
     * Encodes a value.
     *
     * @param data the value
     * @return its bytes, and what else there is
     */
    Pair<byte[], CTX> serialize(T data);

    /**
     * Leaves out what is given besides.
     *
     * @param serializer the serializer
     * @param <T> the type of the values
     * @param <CTX> what it gives besides
     * @return a serializer for the bytes alone
     */
    static <T, CTX> Serializer<T> getSerializer(CtxSerializer<T, CTX> serializer) {
        return data -> serializer.serialize(data).getV1();
    }
}
