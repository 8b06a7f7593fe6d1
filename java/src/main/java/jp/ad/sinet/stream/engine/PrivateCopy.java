package jp.ad.sinet.stream.engine;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;

/**
 * A native library in a new directory that only this user can enter; gone again as soon as it is loaded, or, where the
 * file can't be deleted while it is loaded (Windows), when a later process makes its copy.
 */
final class PrivateCopy implements AutoCloseable {
    private static final boolean POSIX = FileSystems.getDefault().supportedFileAttributeViews().contains("posix");
    private static final String PREFIX = "sinetstream-";
    /** Longer than any process takes from making its copy to having it loaded. */
    private static final Duration YOUNG = Duration.ofHours(1);

    private final Path directory;
    private final Path file;

    PrivateCopy(InputStream library, Path parent, String fileName) throws IOException {
        if (!POSIX) {
            deleteOld(parent, fileName, Instant.now().minus(YOUNG));
        }
        directory = Files.createTempDirectory(parent, PREFIX, ownerOnly());
        file = directory.resolve(fileName);
        try {
            Files.createFile(file, ownerOnly());
            try (var out = Files.newOutputStream(file)) {
                library.transferTo(out);
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

    Path file() {
        return file;
    }

    @Override
    public void close() {
        if (POSIX) {
            delete(); // a mapped file stays mapped
        } else {
            deleteAtExit();
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

    private void deleteAtExit() {
        directory.toFile().deleteOnExit(); // in reverse order of these calls
        file.toFile().deleteOnExit();
    }
}
