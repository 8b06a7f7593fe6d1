package jp.ad.sinet.stream.api.valuetype;

import org.jspecify.annotations.Nullable;

import jp.ad.sinet.stream.api.Deserializer;

/** Returns byte arrays unchanged, without a copy. Thread-safe; all instances are equal. */
public class ByteArrayDeserializer implements Deserializer<byte[]> {
    /** Makes a deserializer. */
    public ByteArrayDeserializer() {
    }

    @Override
    public byte[] deserialize(byte[] bytes) {
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
