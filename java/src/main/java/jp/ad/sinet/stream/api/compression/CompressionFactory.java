package jp.ad.sinet.stream.api.compression;

import java.util.Collections;
import java.util.Map;
import java.util.function.BiFunction;

import org.jspecify.annotations.Nullable;

import jp.ad.sinet.stream.api.Compression;
import jp.ad.sinet.stream.api.Compressor;
import jp.ad.sinet.stream.api.Decompressor;
import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.engine.boundary.ValueCompression;
import jp.ad.sinet.stream.engine.jvm.Plugins;
import jp.ad.sinet.stream.spi.CompressionProvider;
import jp.ad.sinet.stream.utils.MessageUtils;

/**
 * Makes compressors and decompressors from the parameters in a configuration's map {@code compression}. Built-in compressions
 * take precedence over those of plugins. Thread-safe.
 */
public class CompressionFactory {
    private static final String ALGORITHM = "algorithm";

    /** Makes an instance without state; all methods are static. */
    public CompressionFactory() {
    }

    /**
     * Makes a compressor.
     *
     * @param parameters {@code algorithm} (by default {@code gzip}), {@code level} and further parameters of the compression;
     *        may be null
     * @return the compressor, which many threads may call
     * @throws InvalidConfigurationException if a parameter is wrong, or no compression has that name
     */
    public static Compressor createCompressor(@Nullable Map<String, Object> parameters) {
        Integer level = parameters == null ? null : level(parameters.get("level"));
        return create(parameters, (compression, given) -> compression.getCompressor(level, given));
    }

    private static @Nullable Integer level(@Nullable Object given) {
        try {
            return MessageUtils.toInteger(given);
        } catch (InvalidConfigurationException e) {
            throw new InvalidConfigurationException("parameter 'compression.level': " + e.getMessage(), e);
        }
    }

    /**
     * Makes a decompressor.
     *
     * @param parameters as for {@link #createCompressor}; may be null
     * @return the decompressor, which many threads may call
     * @throws InvalidConfigurationException if a parameter is wrong, or no compression has that name
     */
    public static Decompressor createDecompressor(@Nullable Map<String, Object> parameters) {
        return create(parameters, Compression::getDecompressor);
    }

    private static <C> C create(@Nullable Map<String, Object> parameters, BiFunction<Compression, Map<String, Object>, C> kind) {
        Map<String, Object> given = parameters == null ? Collections.emptyMap() : parameters;
        Object algorithm = MessageUtils.or(given.get(ALGORITHM), BuiltinCompression.GZIP.getName());
        for (BuiltinCompression builtin : BuiltinCompression.values()) {
            if (builtin.getName().equals(algorithm)) {
                return kind.apply(builtin, given);
            }
        }
        CompressionProvider provider = algorithm instanceof String
                ? Plugins.named(CompressionProvider.class, CompressionProvider::getName, (String) algorithm) : null;
        if (provider == null) {
            // its exception says what is wrong with the name
            new ValueCompression(Collections.singletonMap(ALGORITHM, algorithm));
            throw new InvalidConfigurationException("parameter 'compression.algorithm': there is no such compression");
        }
        String plugin = "the plugin for the compression '" + algorithm + "' (" + provider.getClass().getName() + ") failed: ";
        C made;
        try {
            made = kind.apply(provider.getCompression(), given);
        } catch (RuntimeException | LinkageError e) {
            throw new InvalidConfigurationException(plugin + e, e);
        }
        if (made == null) {
            throw new InvalidConfigurationException(plugin + "it returned null");
        }
        return made;
    }
}
