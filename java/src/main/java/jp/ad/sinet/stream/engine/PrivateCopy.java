package jp.ad.sinet.stream.engine;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermissions;

/** A native library in a new directory that only this user can enter; gone again as soon as it is loaded. */
final class PrivateCopy implements AutoCloseable {
    private static final boolean POSIX = FileSystems.getDefault().supportedFileAttributeViews().contains("posix");

    private final Path directory;
    private final Path file;

    PrivateCopy(InputStream library, Path parent, String fileName) throws IOException {
        directory = Files.createTempDirectory(parent, "sinetstream-", ownerOnly());
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
