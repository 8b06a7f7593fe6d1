package jp.ad.sinet.stream.spi;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import java.util.function.Function;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

import jp.ad.sinet.stream.api.AsyncMessageReader;
import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.Compression;
import jp.ad.sinet.stream.api.Compressor;
import jp.ad.sinet.stream.api.Crypto;
import jp.ad.sinet.stream.api.Decompressor;
import jp.ad.sinet.stream.api.Deserializer;
import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.InvalidMessageException;
import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.Serializer;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.ValueType;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.LogCapture;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Services;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageReaderFactory.MessageReaderFactoryBuilder;
import jp.ad.sinet.stream.utils.MessageWriterFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory.MessageWriterFactoryBuilder;
import jp.ad.sinet.stream.utils.Pair;

/** Value types, compressions and ciphers that the application's class loader knows. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class PluginsTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    @TempDir
    Path directory;

    @RegisterExtension
    final LogCapture log = new LogCapture();

    private final ClassLoader before = Thread.currentThread().getContextClassLoader();
    private final String topic = Clients.topic();

    @AfterEach
    void restore() {
        Thread.currentThread().setContextClassLoader(before);
    }

    /** Makes these classes known, as a plugin's jar would. */
    private void install(Class<?> kind, String... classes) throws IOException {
        Services.install(directory, kind, classes);
    }

    private MessageWriterFactoryBuilder<String> writer(Map<String, Object> parameters) {
        MessageWriterFactoryBuilder<String> builder = Clients.textWriter(BROKER.open(), topic);
        parameters.forEach(builder::parameter);
        return builder;
    }

    private MessageReaderFactoryBuilder<String> reader(Map<String, Object> parameters) {
        MessageReaderFactoryBuilder<String> builder = Clients.textReader(BROKER.open(), topic);
        parameters.forEach(builder::parameter);
        return builder;
    }

    // ---- plugins

    /** Reverses bytes; with level 13 it throws. */
    public static class Reversing implements CompressionProvider, Compression {
        @Override
        public Compression getCompression() {
            return this;
        }

        @Override
        public String getName() {
            return "reversing";
        }

        @Override
        public Compressor getCompressor(Integer level, Map<String, Object> parameters) {
            assertEquals("x", parameters.get("own"));
            return data -> {
                if (level != null && level == 13) {
                    throw new IllegalStateException("level 13");
                }
                return reversed(data);
            };
        }

        @Override
        public Decompressor getDecompressor(Map<String, Object> parameters) {
            return data -> {
                if (data.length == 0) {
                    throw new IllegalArgumentException("nothing there");
                }
                return reversed(data);
            };
        }

        private static byte[] reversed(byte[] data) {
            byte[] reversed = new byte[data.length];
            for (int i = 0; i < data.length; i++) {
                reversed[i] = data[data.length - 1 - i];
            }
            return reversed;
        }
    }

    /** A cipher that adds the key's first byte; its key version is 9. */
    public static class Adding implements CryptoProvider, Crypto {
        @Override
        public Crypto getCrypto(Map<String, ?> parameters) {
            return this;
        }

        @Override
        public boolean isSupported(Map<String, ?> parameters) {
            return "Adding".equals(parameters.get("algorithm"));
        }

        private static byte[] sum(byte[] data, int summand) {
            byte[] sum = data.clone();
            for (int i = 0; i < sum.length; i++) {
                sum[i] += summand;
            }
            return sum;
        }

        @Override
        public Function<byte[], Pair<byte[], Integer>> getEncoder(Map<String, ?> parameters) {
            byte[] key = (byte[]) parameters.get("key");
            return record -> Pair.of(sum(record, key[0]), (Integer) parameters.get("version"));
        }

        @Override
        public BiFunction<byte[], Integer, byte[]> getDecoder(Map<String, ?> parameters) {
            byte[] key = (byte[]) parameters.get("key");
            return (message, version) -> {
                assertEquals(parameters.get("version"), version);
                return sum(message, -key[0]);
            };
        }
    }

    /** A value type of numbers, encoded as text. */
    @SuppressWarnings("rawtypes")
    public static class Numbers implements ValueTypeProvider, ValueType {
        @Override
        public ValueType getValueType() {
            return this;
        }

        @Override
        public String getName() {
            return "number";
        }

        @Override
        public Serializer getSerializer() {
            return (Serializer<Integer>) number -> number.toString().getBytes(StandardCharsets.UTF_8);
        }

        @Override
        public Deserializer getDeserializer() {
            return (Deserializer<Integer>) bytes -> Integer.valueOf(new String(bytes, StandardCharsets.UTF_8));
        }
    }

    /** A plugin whose methods all throw. */
    public static class Broken implements ValueTypeProvider, CompressionProvider, CryptoProvider {
        @Override
        public ValueType getValueType() {
            throw new IllegalStateException("broken");
        }

        @Override
        public Compression getCompression() {
            return null;
        }

        @Override
        public Crypto getCrypto(Map<String, ?> parameters) {
            return null;
        }

        @Override
        public boolean isSupported(Map<String, ?> parameters) {
            if ("Other".equals(parameters.get("algorithm"))) {
                throw new IllegalStateException("broken");
            }
            return "Null".equals(parameters.get("algorithm"));
        }

        @Override
        public String getName() {
            return "broken";
        }
    }

    /** A plugin whose name is null. */
    public static class Nameless extends Broken {
        @Override
        public String getName() {
            return null;
        }
    }

    // ---- compression

    private static Map<String, Object> reversing(Object... more) {
        Map<String, Object> compression = more.length == 0 ? Map.of("algorithm", "reversing", "own", "x")
                : Map.of("algorithm", "reversing", "own", "x", (String) more[0], more[1]);
        return Map.of("data_compression", true, "compression", compression);
    }

    @Test
    void aCompressionOfAPlugin() throws Exception {
        install(CompressionProvider.class, Reversing.class.getName());
        try (MessageReader<byte[]> plain = Clients.<byte[]>reader(BROKER.open(), topic, SimpleValueType.BYTE_ARRAY)
                .build().getReader(); MessageReader<String> reader = reader(reversing()).build().getReader();
                MessageWriter<String> writer = writer(reversing()).build().getWriter()) {
            writer.write("abc");
            assertEquals("abc", reader.read().getValue());
            assertArrayEquals(new byte[] {'c', 'b', 'a'}, plain.read().getValue());
            assertEquals(3, writer.getMetrics().getMsgUncompressedBytesTotal());
        }
        CompletableFuture<String> received = new CompletableFuture<>();
        try (AsyncMessageReader<String> reader = reader(reversing()).build().getAsyncReader();
                AsyncMessageWriter<String> writer = writer(reversing()).build().getAsyncWriter()) {
            reader.addOnMessageCallback(message -> received.complete(message.getValue()));
            writer.write("asynchronous");
            assertEquals("asynchronous", received.get(10, TimeUnit.SECONDS));
        }
    }

    @Test
    void aCompressionThatFailsNamesItself() throws Exception {
        install(CompressionProvider.class, Reversing.class.getName(), Broken.class.getName());
        try (MessageWriter<String> writer = writer(reversing("level", 13)).build().getWriter()) {
            SinetStreamException e = assertThrows(SinetStreamException.class, () -> writer.write("s3cr3t"));
            told(e, "'reversing'", Reversing.class.getName(), "level 13");
            assertEquals(1, writer.getMetrics().getErrorCountTotal());
        }
        try (MessageReader<String> reader = reader(reversing()).build().getReader();
                MessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic).build().getWriter()) {
            writer.write("");
            told(assertThrows(InvalidMessageException.class, reader::read), "'reversing'", "nothing there");
            writer.write("cba");
            assertEquals("abc", reader.read().getValue());
        }
        Map<String, Object> broken = Map.of("data_compression", true, "compression", Map.of("algorithm", "broken"));
        told(assertThrows(InvalidConfigurationException.class, () -> writer(broken).build().getWriter().close()),
                "'broken'", Broken.class.getName(), "getCompression returned null");
        Map<String, Object> limited = reversing("max_decompressed_bytes", 3);
        try (MessageReader<String> reader = reader(limited).build().getReader();
                MessageWriter<String> writer = writer(reversing()).build().getWriter()) {
            writer.write("four");
            told(assertThrows(InvalidMessageException.class, reader::read), "max_decompressed_bytes");
        }
    }

    @Test
    void withoutItsPluginACompressionIsUnknown() {
        told(assertThrows(InvalidConfigurationException.class, () -> writer(reversing()).build().getWriter().close()),
                "compression.algorithm", "expected gzip, zstd or lz4");
    }

    // ---- encryption

    private static Map<String, Object> encrypted(String algorithm, int version) {
        return Map.of("data_encryption", true, "crypto",
                Map.of("algorithm", algorithm, "mode", "none", "key", new byte[] {7}, "version", version));
    }

    @Test
    void aCipherOfAPlugin() throws Exception {
        install(CryptoProvider.class, Broken.class.getName(), Adding.class.getName());
        Map<String, Object> parameters = encrypted("Adding", 9);
        try (MessageReader<String> reader = reader(parameters).build().getReader();
                MessageReader<String> plain = Clients.textReader(BROKER.open(), topic).build().getReader();
                MessageWriter<String> writer = writer(parameters).build().getWriter()) {
            writer.write("secret", 17);
            Message<String> message = reader.read();
            assertEquals("secret", message.getValue());
            assertEquals(17, message.getTimestampMicroseconds());
            assertTrue(reader.isDataEncryption() && writer.isDataEncryption());
            told(assertThrows(InvalidMessageException.class, plain::read), "encrypted", "key version 9");
        }
        assertEquals("{algorithm=Adding, key=********, mode=none, version=9}", shown(parameters));
    }

    private String shown(Map<String, Object> parameters) {
        try (MessageWriter<String> writer = writer(parameters).build().getWriter()) {
            return new java.util.TreeMap<>((Map<?, ?>) writer.getConfig().get("crypto")).toString();
        }
    }

    @Test
    void aCipherAndACompressionInFormat2() throws Exception {
        install(CryptoProvider.class, Adding.class.getName());
        install(CompressionProvider.class, Reversing.class.getName());
        Map<String, Object> parameters = new java.util.HashMap<>(reversing());
        parameters.put("message_format", 2);
        parameters.putAll(Map.of("data_encryption", true, "crypto",
                Map.of("algorithm", "Adding", "key", new byte[] {7}, "version", 1)));
        MessageWriterFactoryBuilder<String> writing = writer(parameters);
        parameters.put("crypto", Map.of("algorithm", "Adding", "key", new byte[] {7}, "version", 0));
        try (MessageReader<String> reader = reader(parameters).build().getReader();
                MessageWriter<String> writer = writing.build().getWriter()) {
            writer.write("both");
            assertEquals("both", reader.read().getValue());
        }
    }

    @Test
    void aCipherThatFailsNamesItself() throws Exception {
        install(CryptoProvider.class, Broken.class.getName(), Adding.class.getName());
        try (MessageWriter<String> writer = writer(encrypted("Adding", 0)).build().getWriter()) {
            told(assertThrows(SinetStreamException.class, () -> writer.write("x")), Adding.class.getName(),
                    "the key's version is 0");
        }
        told(refused("Other"), Broken.class.getName(), "broken");
        told(refused("Null"), Broken.class.getName(), "getCrypto returned null");
        told(refused("Unknown"), "Unknown", "supported by no plugin", "AES");
        // Plugins are not asked for a built-in algorithm.
        told(assertThrows(InvalidConfigurationException.class, () -> writer(Map.of("data_encryption", true, "crypto",
                Map.of("algorithm", "AES", "mode", "gcm", "password", "p"))).build().getWriter().close()), "capital");
    }

    private InvalidConfigurationException refused(String algorithm) {
        return assertThrows(InvalidConfigurationException.class,
                () -> reader(encrypted(algorithm, 1)).build().getReader().close());
    }

    private static void told(SinetStreamException e, String... parts) {
        for (String part : parts) {
            assertTrue(e.getMessage().contains(part), () -> part + " in " + e.getMessage());
        }
    }

    // ---- value types

    @Test
    void aValueTypeOfAPlugin() throws Exception {
        install(ValueTypeProvider.class, "no.such.Plugin", PluginsTest.class.getName(), Nameless.class.getName(),
                Broken.class.getName(), Numbers.class.getName());
        try (MessageReader<Integer> reader = MessageReaderFactory.<Integer>builder().noConfig(true).type("mqtt")
                .topic(topic).parameter("brokers", BROKER.open()).parameter("value_type", "number")
                .receiveTimeout(Clients.RECEIVE_LIMIT).build().getReader();
                MessageWriter<Integer> writer = MessageWriterFactory.<Integer>builder().noConfig(true).type("mqtt")
                        .topic(topic).parameter("brokers", BROKER.open()).parameter("value_type", "number").build()
                        .getWriter()) {
            writer.write(42);
            assertEquals(42, reader.read().getValue());
            assertSame(Numbers.class, writer.getValueType().getClass());
        }
        for (String part : new String[] {"no.such.Plugin", "PluginsTest not a subtype", Nameless.class.getName()}) {
            assertTrue(log.warnings().stream().anyMatch(warning -> warning.contains(part)), log.warnings()::toString);
        }
        told(assertThrows(InvalidConfigurationException.class, () -> MessageWriterFactory.<Object>builder()
                .noConfig(true).type("mqtt").topic(topic).parameter("brokers", BROKER.open())
                .parameter("value_type", "broken").build().getWriter().close()), "value_type", Broken.class.getName());
    }

    @Test
    void images() {
        BufferedImage image = new BufferedImage(3, 2, BufferedImage.TYPE_INT_RGB);
        image.setRGB(1, 1, 0x123456);
        try (MessageReader<BufferedImage> reader = MessageReaderFactory.<BufferedImage>builder().noConfig(true)
                .type("mqtt").topic(topic).parameter("brokers", BROKER.open()).parameter("value_type", "image")
                .parameter("max_image_pixels", 6).receiveTimeout(Clients.RECEIVE_LIMIT).build().getReader();
                MessageWriter<BufferedImage> writer = MessageWriterFactory.<BufferedImage>builder().noConfig(true)
                        .type("mqtt").topic(topic).parameter("brokers", BROKER.open()).parameter("value_type", "image")
                        .build().getWriter();
                MessageWriter<String> noImages = Clients.textWriter(BROKER.open(), topic).build().getWriter()) {
            writer.write(image);
            BufferedImage read = reader.read().getValue();
            assertNotNull(read);
            assertEquals(3, read.getWidth());
            assertEquals(2, read.getHeight());
            assertEquals(0xFF123456, read.getRGB(1, 1));
            noImages.write("no image");
            told(assertThrows(InvalidMessageException.class, reader::read), "not an image");
            writer.write(new BufferedImage(7, 1, BufferedImage.TYPE_INT_RGB));
            told(assertThrows(InvalidMessageException.class, reader::read), "7 x 1 pixels, more than max_image_pixels (6)");
        }
    }
}
