package jp.ad.sinet.stream.api.compression;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.zip.InflaterInputStream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import jp.ad.sinet.stream.api.Compression;
import jp.ad.sinet.stream.api.Compressor;
import jp.ad.sinet.stream.api.Decompressor;
import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.InvalidMessageException;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.spi.CompressionProvider;
import jp.ad.sinet.stream.testing.Background;
import jp.ad.sinet.stream.testing.Services;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** Direct calls of the compressions. */
@Timeout(60)
class CompressionFactoryTest {
    private static final byte[] VALUE = "one and the same, ".repeat(100).getBytes(StandardCharsets.UTF_8);

    @TempDir
    Path directory;

    private final ClassLoader before = Thread.currentThread().getContextClassLoader();

    @AfterEach
    void restore() {
        Thread.currentThread().setContextClassLoader(before);
    }

    private static Map<String, Object> map(Object... entries) {
        Map<String, Object> map = new HashMap<>();
        for (int i = 0; i < entries.length; i += 2) {
            map.put((String) entries[i], entries[i + 1]);
        }
        return map;
    }

    @ParameterizedTest
    @ValueSource(strings = {"gzip", "zstd", "lz4"})
    void aValueComesBack(String algorithm) {
        Compressor compressor = CompressionFactory.createCompressor(map("algorithm", algorithm));
        Decompressor decompressor = CompressionFactory.createDecompressor(map("algorithm", algorithm));
        byte[] compressed = compressor.compress(VALUE);
        assertTrue(compressed.length < VALUE.length / 4, () -> compressed.length + " bytes");
        assertArrayEquals(VALUE, decompressor.decompress(compressed));
        assertArrayEquals(new byte[0], decompressor.decompress(compressor.compress(new byte[0])));
    }

    @ParameterizedTest
    @CsvSource({"gzip, 9", "zstd, 19", "lz4, "})
    void itIsWhatAWritersMessageHas(String algorithm, Integer level) {
        Map<String, Object> compression = map("algorithm", algorithm, "level", level);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (MessageWriter<byte[]> writer = MessageWriterFactory.<byte[]>builder().noConfig(true).type("iostream").topic("t")
                .valueType(SimpleValueType.BYTE_ARRAY).dataCompression(true).parameter("compression", compression)
                .parameter("iostream", Map.of("output_stream", out)).build().getWriter()) {
            writer.write(VALUE);
        }
        byte[] message = out.toByteArray();
        byte[] compressed = CompressionFactory.createCompressor(compression).compress(VALUE);
        assertArrayEquals(compressed, Arrays.copyOfRange(message, message.length - compressed.length, message.length));
    }

    @Test
    void withoutAnAlgorithmItIsGzipWhichIsZlibs() throws IOException {
        byte[] compressed = CompressionFactory.createCompressor(null).compress(VALUE);
        assertArrayEquals(VALUE, new InflaterInputStream(new ByteArrayInputStream(compressed)).readAllBytes());
        assertArrayEquals(VALUE, CompressionFactory.createDecompressor(map()).decompress(compressed));
    }

    @Test
    void theLevelCounts() {
        byte[] value = new Random(7).ints(20_000, 'a', 'g').mapToObj(Character::toString)
                .collect(Collectors.joining()).getBytes(StandardCharsets.UTF_8);
        int quick = CompressionFactory.createCompressor(map("level", 1)).compress(value).length;
        int small = CompressionFactory.createCompressor(map("level", "9")).compress(value).length;
        assertTrue(small < quick, small + " and " + quick);
        assertEquals(small, BuiltinCompression.GZIP.getCompressor(9, map("level", 1)).compress(value).length);
        assertEquals(quick, BuiltinCompression.GZIP.getCompressor(null, map("level", 1)).compress(value).length);
    }

    @Test
    void theirNamesAreThoseOfConfigurations() {
        assertEquals(List.of("gzip", "zstd", "lz4"),
                Arrays.stream(BuiltinCompression.values()).map(Compression::getName).collect(Collectors.toList()));
        assertEquals("lz4", new Lz4CompressionProvider().getName());
        assertSame(BuiltinCompression.LZ4, new Lz4CompressionProvider().getCompression());
    }

    @Test
    void whatIsWrongIsToldAtOnce() {
        assertTold("'compression.algorithm': expected gzip, zstd or lz4", map("algorithm", "rar"));
        assertTold("'compression.algorithm'", map("algorithm", 7));
        assertTold("'compression.level': expected an integer from -1 to 9, found 10", map("level", 10));
        for (Object wrong : List.of("abc", 2.5, List.of(1), 1L << 40)) {
            assertTold("'compression.level': expected", map("level", wrong));
        }
        assertTold("'compression.max_decompressed_bytes'", map("algorithm", "zstd", "max_decompressed_bytes", 0));
    }

    @Test
    void aValueThatIsNullIsToldByItsName() {
        for (String algorithm : List.of("gzip", "zstd", "lz4")) {
            Compressor compressor = CompressionFactory.createCompressor(map("algorithm", algorithm));
            Decompressor decompressor = CompressionFactory.createDecompressor(map("algorithm", algorithm));
            assertEquals("data", assertThrows(NullPointerException.class, () -> compressor.compress(null)).getMessage());
            assertEquals("data", assertThrows(NullPointerException.class, () -> decompressor.decompress(null)).getMessage());
        }
    }

    private static void assertTold(String words, Map<String, Object> parameters) {
        for (Runnable making : List.<Runnable>of(() -> CompressionFactory.createCompressor(parameters),
                () -> CompressionFactory.createDecompressor(parameters))) {
            String message = assertThrows(InvalidConfigurationException.class, making::run).getMessage();
            assertTrue(message.contains(words), message);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"gzip", "zstd", "lz4"})
    void whatIsDamagedOrTooLargeIsRefused(String algorithm) {
        byte[] compressed = CompressionFactory.createCompressor(map("algorithm", algorithm)).compress(VALUE);
        Decompressor decompressor = CompressionFactory.createDecompressor(map("algorithm", algorithm));
        for (byte[] damaged : List.of(new byte[0], new byte[] {1, 2, 3}, Arrays.copyOf(compressed, compressed.length / 2))) {
            assertThrows(InvalidMessageException.class, () -> decompressor.decompress(damaged));
        }
        Decompressor narrow = CompressionFactory.createDecompressor(
                map("algorithm", algorithm, "max_decompressed_bytes", VALUE.length - 1));
        String message = assertThrows(InvalidMessageException.class, () -> narrow.decompress(compressed)).getMessage();
        assertTrue(message.contains("max_decompressed_bytes"), message);
    }

    @Test
    void manyThreadsMayUseOne() throws Exception {
        Compressor compressor = CompressionFactory.createCompressor(map("algorithm", "zstd"));
        Decompressor decompressor = CompressionFactory.createDecompressor(map("algorithm", "zstd"));
        List<Background<Void>> threads = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            threads.add(Background.run(() -> {
                for (int k = 0; k < 100; k++) {
                    assertArrayEquals(VALUE, decompressor.decompress(compressor.compress(VALUE)));
                }
            }));
        }
        for (Background<Void> each : threads) {
            each.get(Duration.ofSeconds(50));
        }
    }

    /** The compression of a plugin; with level 1 it returns null, and with level 2 it throws. */
    public static class Own implements CompressionProvider, Compression {
        @Override
        public Compression getCompression() {
            return this;
        }

        @Override
        public String getName() {
            return "own";
        }

        @Override
        public Compressor getCompressor(Integer level, Map<String, Object> parameters) {
            if (level != null && level == 2) {
                throw new IllegalStateException("level 2");
            }
            return level != null ? null : data -> new byte[] {(Byte) parameters.get("mark")};
        }

        @Override
        public Decompressor getDecompressor(Map<String, Object> parameters) {
            return data -> new byte[] {1};
        }
    }

    @Test
    void thoseOfPluginsAreThereToo() throws IOException {
        Services.install(directory, CompressionProvider.class, Own.class);
        Map<String, Object> own = map("algorithm", "own", "mark", (byte) 9);
        assertArrayEquals(new byte[] {9}, CompressionFactory.createCompressor(own).compress(VALUE));
        assertArrayEquals(new byte[] {1}, CompressionFactory.createDecompressor(own).decompress(VALUE));
        for (int level : List.of(1, 2)) {
            String message = assertThrows(InvalidConfigurationException.class,
                    () -> CompressionFactory.createCompressor(map("algorithm", "own", "level", level))).getMessage();
            assertTrue(message.contains("'own'") && message.contains(Own.class.getName()), message);
        }
        String message = assertThrows(InvalidConfigurationException.class,
                () -> CompressionFactory.createCompressor(map("algorithm", "own", "level", "abc"))).getMessage();
        assertTrue(message.startsWith("parameter 'compression.level': expected a whole number"), message);
    }
}
