package jp.ad.sinet.stream.api;

/** Compresses values. */
public interface Compressor {
    /**
     * Compresses a value.
     *
     * @param data the value's bytes
     * @return the compressed bytes, which are sent
     */
    byte[] compress(byte[] data);
}
