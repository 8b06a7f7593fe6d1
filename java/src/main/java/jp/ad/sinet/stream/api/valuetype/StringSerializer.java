package jp.ad.sinet.stream.api.valuetype;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.Charset;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.MalformedInputException;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

import org.jspecify.annotations.NullUnmarked;
import org.jspecify.annotations.Nullable;

import jp.ad.sinet.stream.api.InvalidMessageException;
import jp.ad.sinet.stream.api.Serializer;

/** Encodes strings in UTF-8, or in another character set. Thread-safe. */
public class StringSerializer implements Serializer<String> {
    private final Charset charset;

    /** Makes a serializer for UTF-8. */
    public StringSerializer() {
        this(StandardCharsets.UTF_8);
    }

    /**
     * Makes a serializer for a character set.
     *
     * @param charset the character set
     */
    public StringSerializer(Charset charset) {
        this.charset = Objects.requireNonNull(charset, "charset");
    }

    /**
     * Encodes a string.
     *
     * @param data the string, or null
     * @return its bytes; null for null, which no writer accepts
     * @throws InvalidMessageException when a character cannot be encoded, such as half of a surrogate pair
     */
    @Override
    @NullUnmarked // a writer passes no null, and so receives none
    public byte[] serialize(String data) {
        if (data == null) {
            return null;
        }
        if (charset == StandardCharsets.UTF_8 && !hasSurrogate(data)) {
            return data.getBytes(StandardCharsets.UTF_8);
        }
        CharBuffer chars = CharBuffer.wrap(data);
        try {
            ByteBuffer bytes = charset.newEncoder()
                    .onMalformedInput(CodingErrorAction.REPORT)
                    .onUnmappableCharacter(CodingErrorAction.REPORT)
                    .encode(chars);
            byte[] result = new byte[bytes.remaining()];
            bytes.get(result);
            return result;
        } catch (CharacterCodingException e) {
            String why = e instanceof MalformedInputException ? ": unpaired surrogate" : "";
            throw new InvalidMessageException("the character at index " + chars.position()
                    + " of the string cannot be encoded in " + charset.name() + why, e);
        }
    }

    private static boolean hasSurrogate(String data) {
        for (int i = 0; i < data.length(); i++) {
            if (Character.isSurrogate(data.charAt(i))) {
                return true;
            }
        }
        return false;
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other != null && other.getClass() == getClass() && ((StringSerializer) other).charset.equals(charset);
    }

    @Override
    public int hashCode() {
        return charset.hashCode();
    }
}
