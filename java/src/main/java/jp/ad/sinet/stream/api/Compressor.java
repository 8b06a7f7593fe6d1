package jp.ad.sinet.stream.api;

/** Compresses values. */
public interface Compressor {
    /**
     * Compresses a value.
     *
     * @param data the value's bytes
     * @return what is sent in their place
     */
    byte[] compress(byte[] data);
}
