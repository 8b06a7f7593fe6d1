package jp.ad.sinet.stream.spi;

import jp.ad.sinet.stream.api.Compression;

/**
 * Provides a compression, which configurations can then name ({@code compression.algorithm}). The names {@code gzip},
 * {@code zstd} and {@code lz4} are reserved.
 */
public interface CompressionProvider {
    /**
     * Returns the compression.
     *
     * @return the compression
     */
    Compression getCompression();

    /**
     * Returns the name that configurations use.
     *
     * @return the name
     */
    String getName();
}
