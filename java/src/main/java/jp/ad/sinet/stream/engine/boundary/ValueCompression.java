package jp.ad.sinet.stream.engine.boundary;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.InvalidMessageException;

/** A built-in compression for direct calls. Thread-safe. */
public final class ValueCompression {
    private static final String NAME = "compression";

    private final byte[] parameters;

    /**
     * Checks the parameters.
     *
     * @param given the content of a map {@code compression}; may be null
     * @throws InvalidConfigurationException if a parameter is wrong
     */
    public ValueCompression(Map<String, ?> given) {
        Map<String, Object> all = given == null ? Collections.emptyMap() : Collections.singletonMap(NAME, given);
        Object own = new Parameters(new LinkedHashMap<>()).map("", all).getOrDefault(NAME, Collections.emptyMap());
        parameters = Tree.encode(own);
        Native.ensureLoaded();
        compress(new byte[0]);
    }

    /**
     * Compresses a value.
     *
     * @param data the value's bytes
     * @return the compressed bytes
     */
    public byte[] compress(byte[] data) {
        return Native.compress(parameters, Objects.requireNonNull(data, "data"));
    }

    /**
     * Decompresses a value.
     *
     * @param data the compressed bytes
     * @return the value's bytes
     * @throws InvalidMessageException if the bytes are damaged, or the value is larger than the parameters allow
     */
    public byte[] decompress(byte[] data) {
        return Native.decompress(parameters, Objects.requireNonNull(data, "data"));
    }
}
