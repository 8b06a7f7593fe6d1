package jp.ad.sinet.stream.engine.boundary;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;

import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.Deserializer;
import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.Serializer;
import jp.ad.sinet.stream.api.ValueType;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;

class OptionsTest {
    private static final String SECRET = "hunter2";

    private static Map<?, ?> tree(Options options) {
        return (Map<?, ?>) Tree.decode(options.encode());
    }

    private static Object crossed(Object value) {
        Map<String, Object> parameters = Collections.singletonMap("p", value);
        return ((Map<?, ?>) tree(Options.forWriter().parameters(parameters)).get("parameters")).get("p");
    }

    private static String refused(Map<String, ?> parameters) {
        String message = assertThrows(InvalidConfigurationException.class,
                () -> Options.forWriter().parameters(parameters).objectToObjects()).getMessage();
        assertFalse(message.contains(SECRET), message);
        return message;
    }

    @Test
    void simpleValuesCross() {
        assertNull(crossed(null));
        assertEquals(true, crossed(true));
        assertEquals(1L, crossed((byte) 1));
        assertEquals(-1L, crossed(-1));
        assertEquals(1.5, crossed(1.5f));
        assertEquals(3L, crossed(new BigDecimal("3.00")));
        assertEquals(0.25, crossed(new BigDecimal("0.25")));
        assertEquals(1e300, crossed(new BigDecimal("1e300")));
        assertEquals(Long.MIN_VALUE, crossed(BigInteger.valueOf(Long.MIN_VALUE)));
        assertEquals("x", crossed(new StringBuilder("x")));
        assertEquals("x", crossed('x'));
        assertEquals("AT_LEAST_ONCE", crossed(Consistency.AT_LEAST_ONCE));
        assertEquals("a", crossed(Path.of("a")));
        assertEquals("a", crossed(new File("a")));
        assertArrayEquals(new byte[] {1}, (byte[]) crossed(new byte[] {1}));
    }

    @Test
    void collectionsCrossWhateverTheirClass() {
        assertEquals(List.of("a", 1L), crossed(new Object[] {"a", 1}));
        assertEquals(List.of(1L, 2L), crossed(new int[] {1, 2}));
        assertEquals(Arrays.asList("a", null), crossed(Collections.unmodifiableCollection(Arrays.asList("a", null))));
        assertEquals(Map.of("a", Map.of("b", 1L)), crossed(Map.of("a", Collections.singletonMap("b", 1))));
    }

    @Test
    void whatCannotCrossIsRefusedByPlaceAndClassNotByValue() {
        Object object = new Object() {
            @Override
            public String toString() {
                return SECRET;
            }
        };
        String message = refused(Map.of("tls", Map.of("certs", List.of(1, object))));
        assertTrue(message.contains("tls.certs[1]") && message.contains(object.getClass().getName()), message);
        assertTrue(refused(Map.of("big", BigInteger.ONE.shiftLeft(63))).contains("big"));
        assertTrue(refused(Map.of("will", Map.of(List.of(1), SECRET))).contains("will"));
        assertTrue(refused(Map.of("will", Collections.singletonMap(null, SECRET))).contains("will"));
    }

    @Test
    void unpairedSurrogatesAreRefused() {
        assertEquals("\uD842\uDFB7", crossed("\uD842\uDFB7"));
        String message = refused(Map.of("password", SECRET + "\uDFB7"));
        assertTrue(message.contains("parameter password: unpaired surrogate at index 7"), message);
        assertTrue(refused(Map.of("password", "\uD842x")).contains("index 0"));
    }

    /** YAML allows all scalars as names. */
    @Test
    void namesMayBeScalars() {
        Map<Object, Object> written = new LinkedHashMap<>();
        for (Object name : List.of(1, 2L, '3', true, 1.5, 7.0f, new StringBuilder("text"), Consistency.AT_MOST_ONCE,
                new BigDecimal("8.00"))) {
            written.put(name, 0);
        }
        assertEquals(List.of("1", "2", "3", "true", "1.5", "7", "text", "AT_MOST_ONCE", "8"),
                new ArrayList<>(((Map<?, ?>) crossed(written)).keySet()));
        Map<Object, Object> twice = new LinkedHashMap<>(Map.of(1, SECRET, "1", SECRET));
        assertTrue(refused(Map.of("p", twice)).contains("parameter p: the name '1' is given twice"));
        assertTrue(refused(Map.of("p", Collections.singletonMap(null, SECRET))).contains("not null"));
    }

    @Test
    void cyclesAndExplosionsAreRefused() {
        Map<String, Object> cycle = new HashMap<>();
        cycle.put("again", cycle);
        assertTrue(refused(cycle).contains("nested"));
        List<Object> doubled = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            doubled = List.of(doubled, doubled);
        }
        assertTrue(refused(Map.of("p", doubled)).contains("more than"));
    }

    @Test
    void fieldsAreSeparateAndNullLeavesThemUnset() {
        Map<?, ?> tree = tree(Options.forReader().service("s").field("topic", List.of("a")).field("client_id", null)
                .field("value_type", SimpleValueType.TEXT).configFile(Path.of("f")).noConfig(true));
        assertEquals("reader", tree.get("role"));
        assertEquals("s", tree.get("service"));
        assertEquals("f", tree.get("config_file"));
        assertEquals(true, tree.get("no_config"));
        assertEquals(System.getProperty("user.home"), tree.get("user_home"));
        assertEquals(Map.of(), tree.get("parameters"));
        assertEquals(Map.of("topic", List.of("a"), "value_type", "text"), tree.get("fields"));
        assertFalse(tree(Options.forWriter()).containsKey("service"));
    }

    @Test
    void valueTypesOfTheUserAreKnownByName() {
        ValueType own = new OwnType("own");
        Options options = Options.forWriter().parameters(Map.of("value_type", own));
        assertEquals(List.of("own", "byte_array", "text", "image"), tree(options).get("value_types"));
        assertEquals(Map.of("value_type", "own"), tree(options).get("parameters"));
        assertSame(own, options.valueType("own"));
        assertSame(SimpleValueType.TEXT, options.valueType("text"));
        assertEquals("image", options.valueType("image").getName());
        assertNull(options.valueType("film"));
        ValueType text = new OwnType("text");
        assertSame(text, options.field("value_type", text).valueType("text"));
    }

    @SuppressWarnings("rawtypes")
    private static final class OwnType implements ValueType {
        private final String name;

        OwnType(String name) {
            this.name = name;
        }

        @Override
        public String getName() {
            return name;
        }

        @Override
        public Serializer getSerializer() {
            return null;
        }

        @Override
        public Deserializer getDeserializer() {
            return null;
        }
    }
}
