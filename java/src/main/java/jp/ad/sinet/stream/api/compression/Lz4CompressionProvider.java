package jp.ad.sinet.stream.api.compression;

import jp.ad.sinet.stream.api.Compression;
import jp.ad.sinet.stream.spi.CompressionProvider;

/** Gives {@code lz4}, which is built in, to programs that ask for it as for a plugin's. */
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
