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
 * A file in a new directory that only this user can enter: the native library, which is gone again as soon as it is loaded, or,
 * where it can't be deleted while it is loaded (Windows), when a later process makes its copy; or a key store, which stays until
 * the JVM ends. The directory and the file are made with their modes and fail when their names are taken, so that nobody else can
 * put something in their places.
 */
public final class PrivateCopy implements AutoCloseable {
    private static final boolean POSIX = FileSystems.getDefault().supportedFileAttributeViews().contains("posix");
    /** The JDK's view of all that stat(2) tells; the one of POSIX lacks the sticky bit. */
    private static final boolean UNIX = FileSystems.getDefault().supportedFileAttributeViews().contains("unix");
    private static final int WRITABLE_BY_ALL = 0002;
    private static final int STICKY = 01000;
    private static final int ROOT = 0;
    private static final String PREFIX = "sinetstream-";
    /** Longer than any process takes from making its copy to having it loaded. */
    private static final Duration YOUNG = Duration.ofHours(1);

    private final Path directory;
    private final Path file;

    /**
     * Makes the directory and the file.
     *
     * @param content what the file has
     * @param parent where the directory is made
     * @param fileName the file's name in it
     * @throws IOException if that fails; nothing is left then
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
     * Who else may rename what is in the directory of this copy's, or null: its owner, and every user where it is writable by
     * all and lacks the sticky bit, which {@code /tmp} has. They could exchange the copy between its making and its loading,
     * however private it is.
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
     * Where it is.
     *
     * @return the file
     */
    public Path file() {
        return file;
    }

    /** Leaves it there until the JVM ends. */
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

    /** Deletes what earlier processes had to leave, where a library can't be deleted while it is loaded. */
    static void deleteLeft(Path parent, String fileName) {
        if (!POSIX) {
            deleteOld(parent, fileName, Instant.now().minus(YOUNG));
        }
    }

    /** Deletes copies that were made before a time, but for those that are still loaded: they can't be deleted. */
    static void deleteOld(Path parent, String fileName, Instant before) {
        try (DirectoryStream<Path> directories = Files.newDirectoryStream(parent, PREFIX + "*")) {
            for (Path each : directories) {
                deleteOld(each.resolve(fileName), before);
            }
        } catch (IOException | DirectoryIteratorException e) {
            // whoever makes a copy there will say what is wrong
        }
    }

    private static void deleteOld(Path file, Instant before) {
        try {
            if (Files.getLastModifiedTime(file).toInstant().isBefore(before)) {
                Files.delete(file);
                Files.delete(file.getParent());
            }
        } catch (IOException e) {
            // in use, or not ours
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

    /** The JVM deletes in the reverse order of these calls. */
    private void deleteAtExit() {
        directory.toFile().deleteOnExit();
        file.toFile().deleteOnExit();
    }
}
