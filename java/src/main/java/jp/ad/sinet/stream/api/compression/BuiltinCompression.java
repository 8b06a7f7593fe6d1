package jp.ad.sinet.stream.api.compression;

import java.util.LinkedHashMap;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import jp.ad.sinet.stream.api.Compression;
import jp.ad.sinet.stream.api.Compressor;
import jp.ad.sinet.stream.api.Decompressor;
import jp.ad.sinet.stream.engine.boundary.ValueCompression;

/**
 * The built-in compressions, which the engine performs. Only the parameters {@code level} and {@code max_decompressed_bytes}
 * apply; a level that is passed separately takes precedence.
 */
public enum BuiltinCompression implements Compression {
    /** Deflate in zlib's format (RFC 1950), in spite of the name. */
    GZIP("gzip"),
    /** Zstandard (RFC 8878). */
    ZSTD("zstd"),
    /** LZ4 in its frame format, which has one level. */
    LZ4("lz4");

    private final String name;

    BuiltinCompression(String name) {
        this.name = name;
    }

    @Override
    public String getName() {
        return name;
    }

    @Override
    public Compressor getCompressor(@Nullable Integer level, Map<String, Object> parameters) {
        Map<String, Object> own = own(parameters);
        if (level != null) {
            own.put("level", level);
        }
        return new ValueCompression(own)::compress;
    }

    @Override
    public Decompressor getDecompressor(Map<String, Object> parameters) {
        return new ValueCompression(own(parameters))::decompress;
    }

    private Map<String, Object> own(Map<String, Object> parameters) {
        Map<String, Object> own = new LinkedHashMap<>();
        if (parameters != null) {
            own.putAll(parameters);
        }
        own.put("algorithm", name);
        return own;
    }
}
