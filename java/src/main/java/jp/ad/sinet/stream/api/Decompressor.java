package jp.ad.sinet.stream.api;

/** Undoes what a {@link Compressor} did. */
public interface Decompressor {
    /**
     * Decompresses a value.
     *
     * @param data what was sent
     * @return the value's bytes
     */
    byte[] decompress(byte[] data);
}
