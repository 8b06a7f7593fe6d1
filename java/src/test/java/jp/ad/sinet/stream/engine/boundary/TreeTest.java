package jp.ad.sinet.stream.engine.boundary;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;

import jp.ad.sinet.stream.api.SinetStreamException;

class TreeTest {
    private static byte[] bytes(int... values) {
        byte[] bytes = new byte[values.length];
        for (int i = 0; i < values.length; i++) {
            bytes[i] = (byte) values[i];
        }
        return bytes;
    }

    private static void assertMalformed(byte[] tree) {
        assertThrows(SinetStreamException.class, () -> Tree.decode(tree), () -> Arrays.toString(tree));
    }

    @Test
    void hasTheAgreedForm() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("é", Arrays.asList(null, false, true, -2L));
        assertArrayEquals(bytes(8, 0, 0, 0, 1, 0, 0, 0, 2, 0xC3, 0xA9, 7, 0, 0, 0, 4, 0, 1, 2,
                3, 255, 255, 255, 255, 255, 255, 255, 254), Tree.encode(map));
        assertArrayEquals(bytes(4, 0x3F, 0xF8, 0, 0, 0, 0, 0, 0), Tree.encode(1.5));
        assertArrayEquals(bytes(5, 0, 0, 0, 1, 'a'), Tree.encode("a"));
        assertArrayEquals(bytes(6, 0, 0, 0, 1, 255), Tree.encode(bytes(255)));
    }

    @Test
    void comesBackAsItWas() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("", null);
        map.put("list", List.of(Long.MIN_VALUE, "𠮷野家", 0.1, List.of(), Map.of()));
        assertEquals(map, Tree.decode(Tree.encode(map)));
        assertArrayEquals(bytes(1, 2), (byte[]) Tree.decode(Tree.encode(bytes(1, 2))));
    }

    @Test
    void resultCannotBeModified() {
        Map<?, ?> map = (Map<?, ?>) Tree.decode(Tree.encode(Map.of("list", List.of(1L))));
        assertThrows(UnsupportedOperationException.class, map::clear);
        assertThrows(UnsupportedOperationException.class, ((List<?>) map.get("list"))::clear);
    }

    @Test
    void everyShortenedTreeIsRefused() {
        byte[] tree = Tree.encode(Map.of("a", List.of(1L, "text", 2.0, bytes(1, 2, 3))));
        for (int length = 0; length < tree.length; length++) {
            assertMalformed(Arrays.copyOf(tree, length));
        }
        assertMalformed(Arrays.copyOf(tree, tree.length + 1));
    }

    @Test
    void impossibleLengthsTagsAndStringsAreRefused() {
        assertMalformed(bytes(9));
        assertMalformed(bytes(5, 0x7F, 255, 255, 255, 'a'));
        assertMalformed(bytes(6, 255, 255, 255, 255));
        assertMalformed(bytes(7, 0x7F, 255, 255, 255, 0));
        assertMalformed(bytes(8, 0, 0, 0, 2, 0, 0, 0, 0, 0));
        assertMalformed(bytes(5, 0, 0, 0, 1, 0xFF));
        assertMalformed(bytes(5, 0, 0, 0, 3, 0xED, 0xA0, 0x80));
    }

    @Test
    void endlessNestingIsRefused() {
        ByteBuffer deep = ByteBuffer.allocate(5 * 100_000);
        while (deep.hasRemaining()) {
            deep.put((byte) 7).putInt(1);
        }
        assertMalformed(deep.array());
    }

    @Test
    void allThatOptionsLetThroughIsShallowEnough() {
        List<Object> nested = new ArrayList<>();
        for (int i = 0; i < 62; i++) {
            nested = new ArrayList<>(List.of(nested));
        }
        byte[] options = Options.forWriter().parameters(Map.of("p", nested)).encode();
        assertArrayEquals(options, Tree.encode(Tree.decode(options)));
    }
}
