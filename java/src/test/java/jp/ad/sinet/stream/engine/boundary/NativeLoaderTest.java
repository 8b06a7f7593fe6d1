package jp.ad.sinet.stream.engine.boundary;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import jp.ad.sinet.stream.api.SinetStreamException;

class NativeLoaderTest {
    @TempDir
    Path directory;

    private static String failure(String libraryPath) {
        Map<String, String> properties = Map.of(NativeLoader.PATH_PROPERTY, libraryPath, "os.name", "BeOS",
                "os.arch", "ppc");
        NativeLoader loader = new NativeLoader(properties::get, new Platform("beos", "ppc"));
        return assertThrows(SinetStreamException.class, loader::load).getMessage();
    }

    private static void assertContains(String message, String... parts) {
        for (String part : parts) {
            assertTrue(message.contains(part), () -> "'" + part + "' in: " + message);
        }
    }

    @Test
    void missingFileIsExplained() {
        String path = directory.resolve("missing.so").toString();
        assertContains(failure(path), "beos-ppc", "os.name BeOS", "os.arch ppc", NativeLoader.PATH_PROPERTY, path,
                "no such file", "The jar holds");
    }

    @Test
    void nothingIsLoadedBesidesTheNamedFile() {
        assertFalse(failure(directory.toString()).contains("java.library.path"));
    }

    @Test
    void platformsHaveOneName() {
        assertEquals("linux", Platform.system("Linux"));
        assertEquals("macos", Platform.system("Mac OS X"));
        assertEquals("windows", Platform.system("Windows Server 2022"));
        assertEquals("x86_64", Platform.architecture("amd64"));
        assertEquals("x86_64", Platform.architecture("x86_64"));
        assertEquals("aarch64", Platform.architecture("arm64"));
        assertEquals("/native/linux-x86_64/libsinetstream.so", new Platform("linux", "x86_64").resource("sinetstream"));
        assertEquals("/native/macos-aarch64/libsinetstream.dylib",
                new Platform("macos", "aarch64").resource("sinetstream"));
        assertEquals("/native/windows-x86_64/sinetstream.dll",
                new Platform("windows", "x86_64").resource("sinetstream"));
    }

    @Test
    void copyIsPrivateAndLeavesNothing() throws IOException {
        try (PrivateCopy copy = new PrivateCopy(new ByteArrayInputStream(new byte[3]), directory, "library")) {
            assertEquals(3, Files.size(copy.file()));
            if (directory.getFileSystem().supportedFileAttributeViews().contains("posix")) {
                for (Path each : List.of(copy.file(), copy.file().getParent())) {
                    assertEquals(PosixFilePermissions.fromString("rwx------"), Files.getPosixFilePermissions(each));
                }
            }
        }
        try (Stream<Path> left = Files.list(directory)) {
            assertEquals(0, left.count());
        }
    }

    /** The copy is never written to a name that another user has created before, such as a link: its name cannot be guessed. */
    @Test
    void everyCopyHasADirectoryOfItsOwnThatWasNotThere() throws IOException {
        Set<Path> before = Set.of(Files.createDirectory(directory.resolve("sinetstream-")),
                Files.createSymbolicLink(directory.resolve("library"), directory.resolve("elsewhere")));
        try (PrivateCopy one = new PrivateCopy(new ByteArrayInputStream(new byte[3]), directory, "library");
                PrivateCopy other = new PrivateCopy(new ByteArrayInputStream(new byte[4]), directory, "library")) {
            assertEquals(2, Set.of(one.file().getParent(), other.file().getParent()).size());
            assertEquals(List.of(3L, 4L), List.of(Files.size(one.file()), Files.size(other.file())));
        }
        try (Stream<Path> left = Files.list(directory)) {
            assertEquals(before, left.collect(Collectors.toSet()));
        }
    }

    @Test
    void oldCopiesAreDeletedAndNothingElse() throws IOException {
        Instant now = Instant.now();
        for (String name : List.of("sinetstream-1", "sinetstream-2", "sinetstream-3", "other")) {
            Files.createDirectory(directory.resolve(name));
            Path library = Files.write(directory.resolve(name).resolve("library"), new byte[3]);
            Files.setLastModifiedTime(library, FileTime.from(now.minusSeconds(name.endsWith("2") ? 10 : 30)));
        }
        Files.createFile(directory.resolve("sinetstream-3").resolve("somebody's"));
        PrivateCopy.deleteOld(directory, "library", now.minusSeconds(20));
        try (Stream<Path> left = Files.walk(directory).filter(Files::isRegularFile).map(directory::relativize)) {
            assertEquals(Set.of("sinetstream-2/library", "sinetstream-3/somebody's", "other/library"),
                    left.map(Path::toString).collect(Collectors.toSet()));
        }
        assertFalse(Files.exists(directory.resolve("sinetstream-1")));
        PrivateCopy.deleteOld(directory.resolve("missing"), "library", now);
    }

    @ParameterizedTest
    @CsvSource({
        "/lib/ld-musl-x86_64.so.1, true",
        "/usr/lib/libgcompat.so.0 /lib/ld-musl-aarch64.so.1, true", // Alpine's substitute for glibc runs with musl
        "/usr/lib/x86_64-linux-gnu/libc.so.6 /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2, false",
        "/lib64/libc-2.17.so /lib64/ld-2.17.so, false",
        "/usr/lib/libc.so, ", // musl of some distributions, but not certain
        "/home/ld-musl-x86_64.so.1/java, "})
    void theLibraryOfCThatIsMappedCounts(String files, Boolean musl) throws IOException {
        Path maps = directory.resolve("maps");
        StringBuilder lines = new StringBuilder("00400000-00401000 r-xp 00000000 08:01 12   /opt/日本/bin/java\n");
        for (String file : files.split(" ")) {
            lines.append("7f2c0000-7f2c1000 r-xp 00000000 08:01 34                  ").append(file).append('\n');
        }
        Files.writeString(maps, lines + "7fff0000-7fff1000 rw-p 00000000 00:00 0                  [stack]\n");
        assertEquals(musl, Platform.isMusl(maps));
    }

    @Test
    void withoutWhatIsMappedNothingIsSaid() {
        assertNull(Platform.isMusl(directory.resolve("missing")));
    }
}
