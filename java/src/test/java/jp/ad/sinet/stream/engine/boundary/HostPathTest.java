package jp.ad.sinet.stream.engine.boundary;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.file.Path;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

@DisabledOnOs(OS.WINDOWS)
class HostPathTest {
    @TempDir
    Path directory;

    @Test
    void pathsCrossAsTheyAre() {
        for (String path : List.of("", "a", "a/b", "a/..", ".", "../a", "/", "/a", "/a/../b", "a b%20+?#&;:é", "\\")) {
            assertEquals(path, HostPath.of(path));
            assertEquals(Path.of(path), HostPath.toPath(path));
        }
        assertEquals("a\0b", HostPath.of("a\0b"));
        assertEquals(directory.toString(), HostPath.of(directory));
        assertEquals(directory, HostPath.toPath(directory.toString()));
    }

    @Test
    void bytesThatAreNotUtf8StayBytes() {
        byte[] bytes = {'/', 'a', '/', (byte) 0xC6, (byte) 0xFC, '%', ' '};
        Path path = HostPath.toPath(bytes);
        assertArrayEquals(bytes, (byte[]) HostPath.of(path));
        assertArrayEquals(new byte[] {(byte) 0xC6, (byte) 0xFC, '%', ' '}, (byte[]) HostPath.of(path.getFileName()));
    }

    @Test
    void whatIsNoPathIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> HostPath.toPath("/a\0b"));
        assertThrows(IllegalArgumentException.class, () -> HostPath.toPath("a\0b"));
    }
}
