package jp.ad.sinet.stream.utils;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;

import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.NoConfigException;

/** A configuration that the program supplies. */
final class ConfigText {
    /** One byte more than a configuration may have, so that the engine reports the excess. */
    private static final int MOST = (4 << 20) + 1;

    private ConfigText() {
    }

    static String read(String name, InputStream stream) {
        byte[] bytes;
        try {
            bytes = stream.readNBytes(MOST);
        } catch (IOException e) {
            throw new NoConfigException(name + ": it can't be read: " + e.getMessage(), e);
        }
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException e) {
            throw new InvalidConfigurationException(name + ": it is not UTF-8", e);
        } finally {
            Arrays.fill(bytes, (byte) 0); // the text may contain passwords
        }
    }

    static String resource(String name) {
        String full = "class path resource " + Objects.requireNonNull(name, "name");
        ClassLoader ofThread = Thread.currentThread().getContextClassLoader();
        InputStream found = ofThread == null ? null : ofThread.getResourceAsStream(name);
        if (found == null) {
            found = ConfigText.class.getClassLoader().getResourceAsStream(name);
        }
        if (found == null) {
            throw new NoConfigException(full + ": it does not exist");
        }
        try (InputStream stream = found) {
            return read(full, stream);
        } catch (IOException e) {
            throw new NoConfigException(full + ": it can't be read: " + e.getMessage(), e);
        }
    }
}
