package jp.ad.sinet.stream.api.compression;

import jp.ad.sinet.stream.api.Compression;
import jp.ad.sinet.stream.spi.CompressionProvider;

/** Provides the built-in {@code lz4} to programs that look it up as if it were a plugin's. */
public class Lz4CompressionProvider implements CompressionProvider {
    /** Makes a provider. */
    public Lz4CompressionProvider() {
    }

    @Override
    public Compression getCompression() {
        return BuiltinCompression.LZ4;
    }

    @Override
    public String getName() {
        return BuiltinCompression.LZ4.getName();
    }
}
