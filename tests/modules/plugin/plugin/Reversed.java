package plugin;

import java.util.Map;

import jp.ad.sinet.stream.api.Compression;
import jp.ad.sinet.stream.api.Compressor;
import jp.ad.sinet.stream.api.Decompressor;
import jp.ad.sinet.stream.spi.CompressionProvider;

/** "Compresses" by reversing the bytes, which shows that the plugin was used. */
public final class Reversed implements CompressionProvider, Compression {
    private static byte[] reversed(byte[] data) {
        byte[] turned = new byte[data.length];
        for (int i = 0; i < data.length; i++) {
            turned[i] = data[data.length - 1 - i];
        }
        return turned;
    }

    @Override
    public Compression getCompression() {
        return this;
    }

    @Override
    public String getName() {
        return "reversed";
    }

    @Override
    public Compressor getCompressor(Integer level, Map<String, Object> parameters) {
        return Reversed::reversed;
    }

    @Override
    public Decompressor getDecompressor(Map<String, Object> parameters) {
        return Reversed::reversed;
    }
}
