package jp.ad.sinet.stream.api;

/** Reverses a {@link Compressor}. */
public interface Decompressor {
    /**
     * Decompresses a value.
     *
     * @param data the compressed bytes
     * @return the value's bytes
     */
    byte[] decompress(byte[] data);
}
