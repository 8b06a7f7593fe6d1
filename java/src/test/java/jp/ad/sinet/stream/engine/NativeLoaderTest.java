package jp.ad.sinet.stream.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

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
                assertEquals(PosixFilePermissions.fromString("rwx------"),
                        Files.getPosixFilePermissions(copy.file().getParent()));
            }
        }
        try (Stream<Path> left = Files.list(directory)) {
            assertEquals(0, left.count());
        }
    }
}
