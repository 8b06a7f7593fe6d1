package jp.ad.sinet.stream.api.valuetype;

import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;

import jp.ad.sinet.stream.api.Deserializer;

/** Decodes strings in UTF-8, or in another character set. Thread-safe. */
public class StringDeserializer implements Deserializer<String> {
    private final Charset charset;

    /** Makes a deserializer for UTF-8. */
    public StringDeserializer() {
        this(StandardCharsets.UTF_8);
    }

    /**
     * Makes a deserializer for a character set.
     *
     * @param charset the character set
     */
    public StringDeserializer(Charset charset) {
        this.charset = Objects.requireNonNull(charset, "charset");
    }

    /**
     * Decodes a string.
     *
     * @param bytes the bytes, or null
     * @return null for null, else the string, with U+FFFD in place of bytes that cannot be decoded
     */
    @Override
    @NullUnmarked // a reader passes no null, and so receives none
    public String deserialize(byte[] bytes) {
        return bytes == null ? null : new String(bytes, charset);
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other != null && other.getClass() == getClass() && ((StringDeserializer) other).charset.equals(charset);
    }

    @Override
    public int hashCode() {
        return charset.hashCode();
    }
}
