package jp.ad.sinet.stream.engine.boundary;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/**
 * Converts paths of the host's files for the engine and back. Outside Windows a path consists of bytes, and a Java string
 * loses the bytes that the locale's encoding lacks: with LC_ALL=C all that are not ASCII. URIs keep them.
 */
final class HostPath {
    private static final boolean IS_BYTES = File.separatorChar == '/';
    private static final String PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";

    private HostPath() {
    }

    /** Returns a path for the engine: a string if the path is UTF-8, otherwise its bytes. */
    static Object of(Path path) {
        if (!IS_BYTES) {
            return path.toString();
        }
        // The path is resolved below the root, so that a relative path stays relative.
        String raw = path.getFileSystem().getPath("/").resolve(path).toUri().getRawPath();
        if (raw.length() > 1 && raw.endsWith("/")) { // a directory
            raw = raw.substring(0, raw.length() - 1);
        }
        return textOf(decoded(path.isAbsolute() ? raw : raw.substring(1)));
    }

    /** Converts a path that Java has as a string, as the JVM itself would open it if it can. */
    static Object of(String path) {
        try {
            return of(Path.of(path));
        } catch (InvalidPathException e) {
            return path; // the locale's encoding lacks a character, but the engine may be able to use it
        }
    }

    private static byte[] decoded(String raw) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int i = 0; i < raw.length(); i++) {
            char each = raw.charAt(i);
            if (each == '%') {
                bytes.write(Integer.parseInt(raw.substring(i + 1, i + 3), 16));
                i += 2;
            } else {
                bytes.write(each);
            }
        }
        return bytes.toByteArray();
    }

    private static Object textOf(byte[] bytes) {
        try {
            return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
        } catch (CharacterCodingException e) {
            return bytes;
        }
    }

    /**
     * Returns the path for a string or bytes of the engine.
     *
     * @throws IllegalArgumentException when they cannot be a path
     */
    static Path toPath(Object path) {
        byte[] bytes = path instanceof byte[] ? (byte[]) path : ((String) path).getBytes(StandardCharsets.UTF_8);
        if (!IS_BYTES || bytes.length == 0 || bytes[0] != '/') {
            return Path.of(shown(path));
        }
        StringBuilder uri = new StringBuilder("file://");
        for (byte each : bytes) {
            if (PLAIN.indexOf(each) >= 0) {
                uri.append((char) each);
            } else {
                uri.append(String.format("%%%02X", each));
            }
        }
        return Path.of(URI.create(uri.toString()));
    }

    /** Returns a path in a form for people. */
    static String shown(Object path) {
        return path instanceof byte[] ? new String((byte[]) path, StandardCharsets.UTF_8) : (String) path;
    }
}
