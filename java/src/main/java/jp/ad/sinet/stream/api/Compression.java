package jp.ad.sinet.stream.api;

import java.util.Map;

import org.jspecify.annotations.Nullable;

/** A way to make values smaller. */
public interface Compression {
    /**
     * Its name.
     *
     * @return the name
     */
    String getName();

    /**
     * Gives what compresses; it may be called by many threads.
     *
     * @param level {@code compression.level}, or null if the configuration has none
     * @param parameters what stands inside {@code compression}
     * @return the compressor
     */
    Compressor getCompressor(@Nullable Integer level, Map<String, Object> parameters);

    /**
     * Gives what decompresses; it may be called by many threads.
     *
     * @param parameters what stands inside {@code compression}
     * @return the decompressor
     */
    Decompressor getDecompressor(Map<String, Object> parameters);
}
