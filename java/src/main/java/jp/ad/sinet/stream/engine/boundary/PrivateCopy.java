package jp.ad.sinet.stream.engine.boundary;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;

/**
 * A file in a new directory that only this user can enter. It is either the native library, which is deleted as soon as it is
 * loaded or, where that is impossible (Windows), when a later process makes its own copy; or a key store, which stays until
 * the JVM exits. The directory and the file are created with their modes, and creation fails if the names exist, so that no
 * other user can put a file in their place.
 */
public final class PrivateCopy implements AutoCloseable {
    private static final boolean POSIX = FileSystems.getDefault().supportedFileAttributeViews().contains("posix");
    /** Whether the JDK offers all attributes of stat(2); its POSIX view lacks the sticky bit. */
    private static final boolean UNIX = FileSystems.getDefault().supportedFileAttributeViews().contains("unix");
    private static final int WRITABLE_BY_ALL = 0002;
    private static final int STICKY = 01000;
    private static final int ROOT = 0;
    private static final String PREFIX = "sinetstream-";
    /** Longer than any process takes between making its copy and loading it. */
    private static final Duration YOUNG = Duration.ofHours(1);

    private final Path directory;
    private final Path file;

    /**
     * Creates the directory and the file.
     *
     * @param content the content of the file
     * @param parent the directory in which the new directory is created
     * @param fileName the name of the file in the new directory
     * @throws IOException if that fails; nothing remains then
     */
    public PrivateCopy(InputStream content, Path parent, String fileName) throws IOException {
        directory = Files.createTempDirectory(parent, PREFIX, ownerOnly());
        file = directory.resolve(fileName);
        try {
            Set<OpenOption> anew = Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
            try (OutputStream out = Channels.newOutputStream(Files.newByteChannel(file, anew, ownerOnly()))) {
                content.transferTo(out);
            }
        } catch (IOException | RuntimeException e) {
            delete();
            throw e;
        }
    }

    private static FileAttribute<?>[] ownerOnly() {
        if (!POSIX) {
            return new FileAttribute<?>[0];
        }
        return new FileAttribute<?>[] {
            PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"))
        };
    }

    /**
     * Returns which other users may rename files in the parent directory, or null: its owner, and every user if it is
     * writable by all and lacks the sticky bit, which {@code /tmp} has. They could exchange the copy before it is loaded,
     * however private the copy is.
     */
    String whoCanExchangeIt() throws IOException {
        if (!UNIX) {
            return null;
        }
        Path parent = directory.toAbsolutePath().getParent();
        if (((int) Files.getAttribute(parent, "unix:mode") & (WRITABLE_BY_ALL | STICKY)) == WRITABLE_BY_ALL) {
            return "every user may rename what is in the directory " + parent
                    + " (it is writable by all, and has no sticky bit)";
        }
        int owner = (int) Files.getAttribute(parent, "unix:uid");
        boolean isOurs = owner == ROOT || owner == (int) Files.getAttribute(directory, "unix:uid");
        return isOurs ? null : "another user may rename what is in the directory " + parent + " (it belongs to uid " + owner + ")";
    }

    /**
     * Returns the file.
     *
     * @return the file
     */
    public Path file() {
        return file;
    }

    /** Keeps the file until the JVM exits. */
    public void keepUntilExit() {
        deleteAtExit();
    }

    @Override
    public void close() {
        if (POSIX) {
            delete(); // a mapped file stays mapped
        } else {
            deleteAtExit();
        }
    }

    /** Deletes the copies of earlier processes on systems where a loaded library cannot be deleted. */
    static void deleteLeft(Path parent, String fileName) {
        if (!POSIX) {
            deleteOld(parent, fileName, Instant.now().minus(YOUNG));
        }
    }

    /** Deletes copies that were made before a time, except those that are still loaded, which cannot be deleted. */
    static void deleteOld(Path parent, String fileName, Instant before) {
        try (DirectoryStream<Path> directories = Files.newDirectoryStream(parent, PREFIX + "*")) {
            for (Path each : directories) {
                deleteOld(each.resolve(fileName), before);
            }
        } catch (IOException | DirectoryIteratorException e) {
            // the creation of a copy there will report the problem
        }
    }

    private static void deleteOld(Path file, Instant before) {
        try {
            if (Files.getLastModifiedTime(file).toInstant().isBefore(before)) {
                Files.delete(file);
                Files.delete(file.getParent());
            }
        } catch (IOException e) {
            // the file is in use, or belongs to another user
        }
    }

    private void delete() {
        try {
            Files.deleteIfExists(file);
            Files.deleteIfExists(directory);
        } catch (IOException e) {
            deleteAtExit();
        }
    }

    /** Registers the directory first, since the JVM deletes in the reverse order. */
    private void deleteAtExit() {
        directory.toFile().deleteOnExit();
        file.toFile().deleteOnExit();
    }
}
