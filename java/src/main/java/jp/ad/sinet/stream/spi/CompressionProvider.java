package jp.ad.sinet.stream.spi;

import jp.ad.sinet.stream.api.Compression;

/**
 * Brings a compression, which configurations can name from then on ({@code compression.algorithm}). The names
 * {@code gzip}, {@code zstd} and {@code lz4} are taken.
 */
public interface CompressionProvider {
    /**
     * Gives the compression.
     *
     * @return the compression
     */
    Compression getCompression();

    /**
     * The name in a configuration.
     *
     * @return the name
     */
    String getName();
}
