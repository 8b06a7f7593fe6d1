package jp.ad.sinet.stream.api.valuetype;

import org.jspecify.annotations.Nullable;

import jp.ad.sinet.stream.api.Serializer;

/** Returns byte arrays unchanged, without a copy. Thread-safe; all instances are equal. */
public class ByteArraySerializer implements Serializer<byte[]> {
    /** Makes a serializer. */
    public ByteArraySerializer() {
    }

    @Override
    public byte[] serialize(byte[] bytes) {
        return bytes;
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other != null && other.getClass() == getClass();
    }

    @Override
    public int hashCode() {
        return getClass().hashCode();
    }
}
