package jp.ad.sinet.stream.api;

import java.util.Map;

import org.jspecify.annotations.Nullable;

/** A compression algorithm for values. */
public interface Compression {
    /**
     * Returns the name of the algorithm.
     *
     * @return the name
     */
    String getName();

    /**
     * Returns a compressor; many threads may call it at a time.
     *
     * @param level {@code compression.level}, or null if the configuration has none
     * @param parameters the content of the map {@code compression}
     * @return the compressor
     */
    Compressor getCompressor(@Nullable Integer level, Map<String, Object> parameters);

    /**
     * Returns a decompressor; many threads may call it at a time.
     *
     * @param parameters the content of the map {@code compression}
     * @return the decompressor
     */
    Decompressor getDecompressor(Map<String, Object> parameters);
}
