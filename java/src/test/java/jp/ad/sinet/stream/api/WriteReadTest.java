package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import jp.ad.sinet.stream.api.valuetype.ByteArrayDeserializer;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.api.valuetype.StringDeserializer;
import jp.ad.sinet.stream.api.valuetype.StringSerializer;
import jp.ad.sinet.stream.testing.Background;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.LogCapture;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.RawPeer;
import jp.ad.sinet.stream.testing.Yaml;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** Messages that are written are read, with their values, times, topics and order, and are counted. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class WriteReadTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    private static final Duration LIMIT = Duration.ofSeconds(10);
    private static final Duration SHORT = Duration.ofMillis(150);
    private static final long MICROS = 1_700_000_000_123_456L;
    private static final String HELLO = "df0300000000c3011f9c0c91eb33664f80898182838985060a68656c6c6f";

    @TempDir
    Path directory;

    private final String topic = Clients.topic();

    private static String hex(byte[] bytes) {
        return IntStream.range(0, bytes.length).mapToObj(i -> String.format("%02x", bytes[i]))
                .collect(Collectors.joining());
    }

    private static byte[] bytes(String hex) {
        byte[] bytes = new byte[hex.length() / 2];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) Integer.parseInt(hex.substring(2 * i, 2 * i + 2), 16);
        }
        return bytes;
    }

    private MessageWriter<String> textWriter() {
        return Clients.textWriter(BROKER.open(), topic).consistency(Consistency.AT_LEAST_ONCE).build().getWriter();
    }

    private MessageReader<String> textReader() {
        return Clients.textReader(BROKER.open(), topic).consistency(Consistency.AT_LEAST_ONCE).build().getReader();
    }

    // ---- values

    @ParameterizedTest
    @EnumSource(Consistency.class)
    void textAtEveryConsistency(Consistency consistency) {
        try (MessageReader<String> reader = Clients.textReader(BROKER.open(), topic).consistency(consistency).build()
                .getReader();
                MessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic).consistency(consistency).build()
                        .getWriter()) {
            assertEquals(consistency, writer.getConsistency());
            assertEquals(consistency, reader.getConsistency());
            for (String text : List.of("hello", "", "日本語\uD842\uDFB7", "a\0b")) {
                writer.write(text);
                Message<String> message = reader.read();
                assertEquals(text, message.getValue());
                assertEquals(topic, message.getTopic());
                assertEquals(new PublishPacket(topic, consistency.getQos(), false, false), message.getRaw());
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 127, 128, 8191, 8192, 65_535, 65_536, 1 << 20})
    void bytesOfEverySize(int size) {
        byte[] value = new byte[size];
        new Random(size).nextBytes(value);
        try (MessageReader<byte[]> reader = Clients.<byte[]>reader(BROKER.open(), topic, null)
                .consistency(Consistency.AT_LEAST_ONCE).build().getReader();
                MessageWriter<byte[]> writer = Clients.<byte[]>writer(BROKER.open(), topic, null)
                        .consistency(Consistency.AT_LEAST_ONCE).build().getWriter()) {
            assertSame(SimpleValueType.BYTE_ARRAY, writer.getValueType());
            writer.write(value);
            assertArrayEquals(value, reader.read().getValue());
        }
    }

    @Test
    void textAndBytesAreTheSameOnTheWire() {
        try (MessageReader<byte[]> reader = Clients.<byte[]>reader(BROKER.open(), topic, SimpleValueType.BYTE_ARRAY)
                .build().getReader();
                MessageWriter<String> writer = textWriter()) {
            writer.write("é");
            assertArrayEquals("é".getBytes(StandardCharsets.UTF_8), reader.read().getValue());
        }
    }

    /** A serializer that reverses the text, so that it cannot be confused with the text serializer. */
    public static final class Turned implements Serializer<String>, Deserializer<String> {
        @Override
        public byte[] serialize(String value) {
            return new StringBuilder(value).reverse().toString().getBytes(StandardCharsets.UTF_8);
        }

        @Override
        public String deserialize(byte[] bytes) {
            return "<" + new String(bytes, StandardCharsets.UTF_8) + ">";
        }
    }

    @Test
    void objectsOfTheProgramConvertValues() {
        Turned turned = new Turned();
        try (MessageReader<String> reader = Clients.<String>reader(BROKER.open(), topic, SimpleValueType.TEXT)
                .deserializer(turned).build().getReader();
                MessageWriter<String> writer = Clients.<String>writer(BROKER.open(), topic, null).serializer(turned)
                        .parameter("value_type", "my_own").build().getWriter()) {
            assertSame(turned, reader.getDeserializer());
            assertSame(turned, writer.getSerializer());
            assertNull(writer.getValueType());
            writer.write("abc");
            assertEquals("<cba>", reader.read().getValue());
        }
    }

    @Test
    void classesNamedInTheFileConvertValues() throws IOException {
        Path file = Yaml.service(directory, 2, "svc", Map.of("type", "mqtt", "brokers", BROKER.open(), "topic", topic,
                "value_type", "text", "value_serializer", Turned.class.getName(), "value_deserializer",
                Turned.class.getName(), "receive_timeout_ms", LIMIT.toMillis()));
        try (MessageReader<String> reader = MessageReaderFactory.<String>builder().configFile(file).build().getReader();
                MessageWriter<String> writer = MessageWriterFactory.<String>builder().configFile(file).build()
                        .getWriter()) {
            assertEquals("svc", reader.getService());
            assertEquals("svc", writer.getService());
            assertInstanceOf(Turned.class, writer.getSerializer());
            writer.write("abc");
            assertEquals("<cba>", reader.read().getValue());
        }
    }

    @Test
    void objectWinsOverClassName() {
        try (MessageWriter<String> writer = Clients.<String>writer(BROKER.open(), topic, null)
                .parameter("value_serializer", Turned.class.getName()).serializer(new StringSerializer()).build()
                .getWriter()) {
            writer.write("hello", MICROS);
            assertEquals(HELLO, hex(writer.getDebugLastMsgBytes()));
        }
    }

    @Test
    void valueTypeOfTheProgram() {
        ValueType own = new ValueType() {
            @Override
            public String getName() {
                return "turned";
            }

            @Override
            public Serializer<String> getSerializer() {
                return new Turned();
            }

            @Override
            public Deserializer<String> getDeserializer() {
                return new Turned();
            }
        };
        try (MessageReader<String> reader = Clients.<String>reader(BROKER.open(), topic, own).build().getReader();
                MessageWriter<String> writer = Clients.<String>writer(BROKER.open(), topic, own).build().getWriter()) {
            assertSame(own, writer.getValueType());
            writer.write("abc");
            assertEquals("<cba>", reader.read().getValue());
        }
    }

    // ---- bad values and failing serializers

    @Test
    void nullAndWrongClassAreTheCallersMistake() {
        try (MessageWriter<String> writer = textWriter()) {
            assertThrows(NullPointerException.class, () -> writer.write(null));
            @SuppressWarnings({"unchecked", "rawtypes"})
            MessageWriter<Object> untyped = (MessageWriter) writer;
            assertThrows(ClassCastException.class, () -> untyped.write(new byte[0]));
            assertNull(writer.getDebugLastMsgBytes());
            assertEquals(2, writer.getMetrics().getErrorCountTotal());
            assertEquals(0, writer.getMetrics().getMsgCountTotal());
            writer.write("still works");
            assertEquals(1, writer.getMetrics().getMsgCountTotal());
        }
    }

    @Test
    void failingSerializerIsWrapped() {
        Serializer<String> failing = value -> {
            if (value.isEmpty()) {
                return null;
            }
            throw new IllegalStateException("no");
        };
        try (MessageWriter<String> writer = Clients.<String>writer(BROKER.open(), topic, null).serializer(failing)
                .build().getWriter()) {
            SinetStreamIOException e = assertThrows(SinetStreamIOException.class, () -> writer.write("x"));
            assertInstanceOf(IllegalStateException.class, e.getCause());
            assertThrows(SinetStreamIOException.class, () -> writer.write(""));
            assertEquals(2, writer.getMetrics().getErrorCountTotal());
        }
    }

    @Test
    void failingDeserializerCostsOneMessage() {
        Deserializer<String> picky = value -> {
            String text = new StringDeserializer().deserialize(value);
            if (text.startsWith("bad")) {
                throw new IllegalStateException("no");
            }
            return text;
        };
        try (MessageReader<String> reader = Clients.<String>reader(BROKER.open(), topic, null).deserializer(picky)
                .consistency(Consistency.AT_LEAST_ONCE).build().getReader(); MessageWriter<String> writer =
                        textWriter()) {
            writer.write("bad");
            writer.write("good");
            SinetStreamIOException e = assertThrows(SinetStreamIOException.class, reader::read);
            assertInstanceOf(IllegalStateException.class, e.getCause());
            assertEquals("good", reader.read().getValue());
            assertEquals(1, reader.getMetrics().getErrorCountTotal());
        }
    }

    // ---- order and threads

    @ParameterizedTest
    @EnumSource(Consistency.class)
    void orderIsKept(Consistency consistency) {
        int count = 300;
        List<String> sent = IntStream.range(0, count).mapToObj(String::valueOf).collect(Collectors.toList());
        try (MessageReader<String> reader = Clients.textReader(BROKER.open(), topic).consistency(consistency).build()
                .getReader();
                MessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic).consistency(consistency).build()
                        .getWriter()) {
            sent.forEach(writer::write);
            List<String> got = reader.stream().limit(count).map(Message::getValue).collect(Collectors.toList());
            assertEquals(sent, got);
        }
    }

    @ParameterizedTest
    @EnumSource(Consistency.class)
    void manyThreadsShareOneWriterAndOneReader(Consistency consistency) {
        int threads = 8;
        int each = 100;
        try (MessageReader<String> reader = Clients.textReader(BROKER.open(), topic).consistency(consistency).build()
                .getReader();
                MessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic).consistency(consistency).build()
                        .getWriter()) {
            assertTrue(writer.isThreadSafe());
            Set<String> got = ConcurrentHashMap.newKeySet();
            List<Background<Integer>> readers = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                readers.add(Background.call(() -> {
                    int count = 0;
                    int last = -1;
                    while (true) {
                        String value = reader.read().getValue();
                        if (value.equals("end")) {
                            return count;
                        }
                        String[] parts = value.split(":");
                        if (parts[0].equals("0")) { // one reader gets the messages of one writer in order
                            assertTrue(Integer.parseInt(parts[1]) > last, value);
                            last = Integer.parseInt(parts[1]);
                        }
                        assertTrue(got.add(value), () -> "twice: " + value);
                        count++;
                    }
                }));
            }
            List<Background<Void>> writers = new ArrayList<>();
            for (int thread = 0; thread < threads; thread++) {
                String name = thread + ":";
                writers.add(Background.run(() -> IntStream.range(0, each).forEach(i -> writer.write(name + i))));
            }
            writers.forEach(thread -> thread.get(LIMIT));
            readers.forEach(thread -> writer.write("end"));
            assertEquals(threads * each, readers.stream().mapToInt(thread -> thread.get(LIMIT)).sum());
            assertEquals(threads * each, got.size());
            assertEquals(threads * each + readers.size(), writer.getMetrics().getMsgCountTotal());
        }
    }

    // ---- topics

    @Test
    void severalTopicsAndWildcards() {
        List<String> filters = List.of(topic + "/one", topic + "/+/x", topic + "/deep/#");
        try (MessageReader<String> reader = Clients.textReader(BROKER.open(), null).clearTopics().topics(filters)
                .consistency(Consistency.AT_LEAST_ONCE).build().getReader()) {
            assertEquals(filters, reader.getTopics());
            assertThrows(UnsupportedOperationException.class, () -> reader.getTopics().clear());
            assertEquals(String.join(",", filters), reader.getTopic());
            for (String name : List.of("/one", "/y/x", "/deep/a/b", "/deep", "/日本/x")) {
                try (MessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic + name).build()
                        .getWriter()) {
                    assertEquals(topic + name, writer.getTopic());
                    writer.write(name);
                }
                Message<String> message = reader.read();
                assertEquals(topic + name, message.getTopic());
                assertEquals(name, message.getValue());
            }
            try (MessageWriter<String> other = Clients.textWriter(BROKER.open(), topic + "/two").build().getWriter();
                    MessageWriter<String> last = Clients.textWriter(BROKER.open(), topic + "/one").build()
                            .getWriter()) {
                other.write("not subscribed");
                last.write("last");
            }
            assertEquals("last", reader.read().getValue());
        }
    }

    @Test
    void listOfTopicsInAFileOfWhichTheWriterTakesOne() throws IOException {
        Map<String, Object> service = Map.of("type", "mqtt", "brokers", BROKER.open(), "topic", List.of(topic));
        Path file = Yaml.service(directory, 3, "svc", service);
        try (MessageWriter<byte[]> writer = MessageWriterFactory.<byte[]>builder().configFile(file).service("svc")
                .build().getWriter()) {
            assertEquals(topic, writer.getTopic());
        }
    }

    @Test
    void retainedMessageMeetsLaterReaders() {
        try (MessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic).parameter("retain", true)
                .parameter("qos", 1).build().getWriter()) {
            writer.write("kept", 5);
        }
        try (MessageReader<String> reader = textReader()) {
            Message<String> message = reader.read();
            assertEquals("kept", message.getValue());
            assertEquals(5L, message.getTimestampMicroseconds());
            assertEquals(new PublishPacket(topic, 1, true, false), message.getRaw());
        }
    }

    // ---- times

    @Test
    void timeIsTheWritersInMicroseconds() {
        try (MessageReader<String> reader = textReader(); MessageWriter<String> writer = textWriter()) {
            long before = ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
            writer.write("now");
            long after = ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
            long at = reader.read().getTimestampMicroseconds();
            assertTrue(before <= at && at <= after, before + " <= " + at + " <= " + after);
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, -1, 999_999, 1_000_000, -999_999, -1_000_000, -1_999_999, MICROS, Long.MAX_VALUE,
        Long.MIN_VALUE})
    void anyTimeIsSentAsItIs(long micros) {
        try (MessageReader<String> reader = textReader(); MessageWriter<String> writer = textWriter()) {
            writer.write("x", micros);
            Message<String> message = reader.read();
            assertEquals(micros, message.getTimestampMicroseconds());
            assertEquals(micros / 1_000_000, message.getTimestamp());
        }
    }

    // ---- receive timeout

    @Test
    void readReturnsNullAtTheTimeout() {
        try (MessageReader<String> reader = Clients.textReader(BROKER.open(), topic).receiveTimeout(SHORT).build()
                .getReader()) {
            assertEquals(SHORT, reader.getReceiveTimeout());
            for (int i = 0; i < 2; i++) {
                long start = System.nanoTime();
                assertNull(reader.read());
                Duration took = Duration.ofNanos(System.nanoTime() - start);
                assertTrue(took.compareTo(SHORT) >= 0 && took.compareTo(SHORT.plusSeconds(2)) < 0, took::toString);
            }
            assertEquals(0, reader.getMetrics().getErrorCountTotal());
        }
    }

    @Test
    void timeoutOfZeroTakesWhatIsThere() {
        try (MessageReader<String> reader = Clients.textReader(BROKER.open(), topic).receiveTimeout(Duration.ZERO)
                .build().getReader(); MessageWriter<String> writer = textWriter()) {
            assertNull(reader.read());
            writer.write("x");
            Background<Message<String>> polling = Background.call(() -> {
                Message<String> message;
                do {
                    message = reader.read();
                } while (message == null);
                return message;
            });
            assertEquals("x", polling.get(LIMIT).getValue());
        }
    }

    @Test
    void withoutTimeoutReadWaits() {
        try (MessageReader<String> reader = MessageReaderFactory.<String>builder().noConfig(true).type("mqtt")
                .topic(topic).valueType(SimpleValueType.TEXT).parameter("brokers", BROKER.open()).build().getReader();
                MessageWriter<String> writer = textWriter()) {
            assertEquals(Duration.ofNanos(Long.MAX_VALUE), reader.getReceiveTimeout());
            Background<Message<String>> reading = Background.call(reader::read).awaitParked();
            writer.write("x");
            assertEquals("x", reading.get(LIMIT).getValue());
        }
    }

    @Test
    void streamEndsAtTheTimeout() {
        try (MessageReader<String> reader = Clients.textReader(BROKER.open(), topic).receiveTimeout(SHORT).build()
                .getReader(); MessageWriter<String> writer = textWriter()) {
            List.of("a", "b", "c").forEach(writer::write);
            assertEquals(List.of("a", "b", "c"),
                    reader.stream().map(Message::getValue).collect(Collectors.toList()));
            assertEquals(0, reader.stream().count());
        }
    }

    // ---- the wire

    @Test
    void wireBytesAreTheAgreedOnes() {
        try (MessageWriter<String> writer = textWriter()) {
            assertNull(writer.getDebugLastMsgBytes());
            writer.write("hello", MICROS);
            assertEquals(HELLO, hex(writer.getDebugLastMsgBytes()));
            writer.write("", 0);
            assertEquals("df0300000000c3011f9c0c91eb33664f0000", hex(writer.getDebugLastMsgBytes()));
            writer.write("x", -1);
            assertEquals("df0300000000c3011f9c0c91eb33664f010278", hex(writer.getDebugLastMsgBytes()));
        }
    }

    @Test
    void formatTwoHasNoHeader() {
        String expected = HELLO.substring("df0300000000".length());
        try (MessageReader<String> reader = textReader();
                MessageReader<String> reader2 = Clients.textReader(BROKER.open(), topic).parameter("message_format", 2)
                        .build().getReader();
                MessageWriter<String> writer2 = Clients.textWriter(BROKER.open(), topic).parameter("message_format", 2)
                        .build().getWriter();
                MessageWriter<String> writer3 = textWriter()) {
            writer2.write("hello", MICROS);
            assertEquals(expected, hex(writer2.getDebugLastMsgBytes()));
            assertEquals("hello", reader.read().getValue());
            assertEquals("hello", reader2.read().getValue());
            writer3.write("three");
            assertEquals("three", reader.read().getValue());
            assertThrows(InvalidMessageException.class, reader2::read);
            writer2.write("two");
            assertEquals("two", reader2.read().getValue());
        }
    }

    @Test
    void badMessageCostsOneRead() throws IOException {
        List<String> bad = List.of("", "00", "c301", "df0300000000", HELLO.substring(0, HELLO.length() - 2),
                HELLO.replaceFirst("df03", "df04"), HELLO.replaceFirst("eb33664f", "eb33064f"),
                HELLO.replaceFirst("df0300000000", "df0300000001"), // encrypted
                "df0300000000c3011f9c0c91eb33664f00ffffffffffffffffff01"); // an impossible length
        try (MessageReader<String> reader = Clients.textReader(BROKER.open(), topic).build().getReader();
                RawPeer peer = new RawPeer(BROKER)) {
            for (String each : bad) {
                peer.publish(topic, bytes(each));
                peer.publish(topic, bytes(HELLO));
                InvalidMessageException e = assertThrows(InvalidMessageException.class, reader::read, each);
                assertFalse(e.getMessage().isEmpty());
                Message<String> message = reader.read();
                assertEquals("hello", message.getValue());
                assertEquals(MICROS, message.getTimestampMicroseconds());
            }
            assertEquals(bad.size(), reader.getMetrics().getErrorCountTotal());
            assertEquals(bad.size(), reader.getMetrics().getMsgCountTotal());
        }
    }

    @Test
    void trailingBytesAreIgnored() throws IOException {
        try (MessageReader<String> reader = Clients.textReader(BROKER.open(), topic).build().getReader();
                RawPeer peer = new RawPeer(BROKER)) {
            peer.publish(topic, bytes(HELLO + "0102"));
            assertEquals("hello", reader.read().getValue());
        }
    }

    // ---- injected messages

    @Test
    void injectedMessageIsReadFirst() {
        Object raw = new Object();
        try (MessageReader<String> reader = Clients.textReader(BROKER.open(), topic).receiveTimeout(SHORT).build()
                .getReader()) {
            byte[] hello = bytes(HELLO);
            reader.debugInjectMsgBytes(hello, "some/where", raw);
            hello[0] = 0; // the reader has copied the bytes
            reader.debugInjectMsgBytes(new byte[] {1, 2, 3}, "b", raw);
            reader.debugInjectMsgBytes(bytes(HELLO), "c", null);
            Message<String> message = reader.read();
            assertEquals(new Message<>("hello", "some/where", MICROS, raw), message);
            assertSame(raw, message.getRaw());
            assertThrows(InvalidMessageException.class, reader::read);
            assertEquals(new Message<>("hello", "c", MICROS, null), reader.read());
            assertNull(reader.read());
            assertEquals(2, reader.getMetrics().getMsgCountTotal());
            assertEquals(1, reader.getMetrics().getErrorCountTotal());
            assertThrows(NullPointerException.class, () -> reader.debugInjectMsgBytes(null, "t", null));
            assertThrows(NullPointerException.class, () -> reader.debugInjectMsgBytes(hello, null, null));
        }
    }

    @Test
    void injectedMessageWakesAWaitingRead() {
        try (MessageReader<String> reader = textReader()) {
            Background<Message<String>> reading = Background.call(reader::read).awaitParked();
            reader.debugInjectMsgBytes(bytes(HELLO), topic, null);
            assertEquals("hello", reading.get(Duration.ofSeconds(2)).getValue());
        }
    }

    // ---- metrics and information

    @Test
    void metricsCountBothSides() {
        try (MessageReader<String> reader = textReader(); MessageWriter<String> writer = textWriter()) {
            long start = System.currentTimeMillis();
            for (MessageIO io : List.of(reader, writer)) {
                Metrics none = io.getMetrics();
                assertEquals(0, none.getMsgCountTotal());
                assertEquals(-1, none.getMsgSizeMin());
                assertEquals(-1, none.getMsgSizeMax());
                assertEquals(1.0, none.getMsgCompressionRatio());
                assertTrue(Math.abs(none.getStartTimeMillis() - start) < 60_000);
            }
            writer.write("hello", MICROS);
            writer.write("hello, again", MICROS);
            assertEquals("hello", reader.read().getValue());
            assertEquals("hello, again", reader.read().getValue());
            int size = HELLO.length() / 2;
            for (MessageIO io : List.of(reader, writer)) {
                Metrics metrics = io.getMetrics();
                assertEquals(2, metrics.getMsgCountTotal());
                assertEquals(2 * size + 7, metrics.getMsgBytesTotal());
                assertEquals(size, metrics.getMsgSizeMin());
                assertEquals(size + 7, metrics.getMsgSizeMax());
                assertEquals(size + 3.5, metrics.getMsgSizeAvg());
                assertEquals(17, metrics.getMsgUncompressedBytesTotal());
                assertEquals(17, metrics.getMsgCompressedBytesTotal());
                assertEquals(0, metrics.getErrorCountTotal());
                assertEquals(io.getInfo("connection"), metrics.getRaw());
                io.resetMetrics();
                assertEquals(0, io.getMetrics().getMsgCountTotal());
                assertEquals(0, io.getMetrics().getMsgUncompressedBytesTotal());
                assertEquals(-1, io.getMetrics().getMsgSizeMin());
            }
        }
    }

    @Test
    void whatWasCountedStaysAfterTheClose() {
        MessageWriter<String> writer = textWriter();
        writer.write("hello", MICROS);
        writer.close();
        assertEquals(1, writer.getMetrics().getMsgCountTotal());
        assertEquals(0, writer.getMetrics().getErrorCountTotal());
        assertThrows(SinetStreamIOException.class, () -> writer.write("late"));
        assertEquals(1, writer.getMetrics().getErrorCountTotal());
        writer.resetMetrics();
        assertEquals(1, writer.getMetrics().getMsgCountTotal());
        assertEquals(HELLO, hex(writer.getDebugLastMsgBytes()));
        assertEquals(topic, writer.getTopic());
    }

    @Test
    void configurationAndFactoriesShowWhatWasUnderstood() {
        MessageWriterFactory<String> writers = MessageWriterFactory.<String>builder().noConfig(true)
                .parameters(Map.of("type", "mqtt", "brokers", BROKER.open() + ", [::1]:2", "topic", topic, "retain",
                        "no", "qos", "2", "value_type", "text", "data_compression", "True", "max_queued_messages", "7"))
                .build();
        assertNull(writers.getType());
        assertNull(writers.getConsistency());
        assertNull(writers.getDataCompression());
        assertEquals(true, writers.getNoConfig());
        assertEquals(false, MessageWriterFactory.builder().build().getNoConfig());
        try (MessageWriter<String> writer = writers.getWriter()) {
            Map<String, Object> config = writer.getConfig();
            assertEquals(List.of(BROKER.open(), "[::1]:2"), config.get("brokers"));
            assertEquals(Arrays.asList(false, 2, true, 7, Consistency.EXACTLY_ONCE),
                    Arrays.asList(config.get("retain"), config.get("qos"), config.get("data_compression"),
                            config.get("max_queued_messages"), config.get("consistency")));
        }
        assertEquals("mqtt", writers.getType());
        assertEquals(topic, writers.getTopic());
        assertSame(Consistency.EXACTLY_ONCE, writers.getConsistency());
        assertSame(SimpleValueType.TEXT, writers.getValueType());
        assertEquals(true, writers.getDataCompression());
        assertEquals(false, writers.getDataEncryption());
        assertEquals(false, writers.getUserDataOnly());
        Duration exact = Duration.ofNanos(1_500_001);
        MessageReaderFactory<String> readers = Clients.textReader(BROKER.open(), topic).receiveTimeout(exact)
                .topic("second").build();
        try (MessageReader<String> reader = readers.getReader()) {
            assertEquals(exact, reader.getReceiveTimeout());
            assertNull(reader.read());
        }
        assertEquals(List.of(topic, "second"), readers.getTopics());
        assertSame(Consistency.AT_MOST_ONCE, readers.getConsistency());
        assertEquals(Duration.ofNanos(Long.MAX_VALUE), MessageReaderFactory.defaultValues.get("receive_timeout_ms"));
    }

    @Test
    void aPrintedMessageShowsItsValue() {
        assertEquals("Message(value=hello, topic=t, timestampMicroseconds=5, raw=r)",
                new Message<>("hello", "t", 5L, "r").toString());
        assertEquals("Message(value=[1, -2], topic=t, timestampMicroseconds=5, raw=null)",
                new Message<>(new byte[] {1, -2}, "t", 5L, null).toString());
        String shown = new Message<>(new byte[100_000], null, null, null).toString();
        assertTrue(shown.length() < 500 && shown.contains("0, … 100000 bytes]"), shown);
    }

    @Test
    void configurationIsReadOnlyAndHidesSecrets() {
        try (MessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic).parameter("qos", 1)
                .parameter("username_pw_set", Map.of("username", "me", "password", "hunter2"))
                .parameter("connect", Map.of("keepalive", 30)).build().getWriter()) {
            Map<String, Object> config = writer.getConfig();
            assertEquals("mqtt", config.get("type"));
            assertEquals(List.of(BROKER.open()), config.get("brokers"));
            assertSame(Consistency.AT_LEAST_ONCE, config.get("consistency"));
            assertEquals(false, config.get("retain"));
            assertEquals(topic, config.get("topic"));
            assertEquals(1, config.get("qos"));
            assertEquals("text", config.get("value_type"));
            assertEquals(false, config.get("data_encryption"));
            assertEquals(Map.of("keepalive", 30), config.get("connect"));
            assertEquals(Map.of("username", "me", "password", "********"), config.get("username_pw_set"));
            assertFalse(config.toString().contains("hunter2"));
            assertThrows(UnsupportedOperationException.class, () -> config.put("a", "b"));
            assertThrows(UnsupportedOperationException.class, config::clear);
            @SuppressWarnings("unchecked")
            Map<String, Object> login = (Map<String, Object>) config.get("username_pw_set");
            assertThrows(UnsupportedOperationException.class, login::clear);
        }
    }

    @Test
    void gettersTellWhatIsInForce() {
        try (MessageReader<byte[]> reader = Clients.<byte[]>reader(BROKER.open(), topic, null).clientId("me-r")
                .build().getReader();
                MessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic).clientId("me-w")
                        .consistency(Consistency.EXACTLY_ONCE).parameter("qos", "1").build().getWriter()) {
            assertNull(reader.getService());
            assertEquals("me-r", reader.getClientId());
            assertEquals("me-w", writer.getClientId());
            assertTrue(BROKER.occurrences(" as me-r ") == 1 && BROKER.occurrences(" as me-w ") == 1, BROKER::log);
            assertEquals(Consistency.AT_MOST_ONCE, reader.getConsistency());
            assertEquals(Consistency.AT_LEAST_ONCE, writer.getConsistency());
            assertFalse(reader.isDataEncryption());
            assertEquals(Set.of("connection"), ((Map<?, ?>) reader.getInfo()).keySet());
            assertNull(writer.getInfo("no/such"));
            assertInstanceOf(ByteArrayDeserializer.class, reader.getDeserializer());
            assertInstanceOf(StringSerializer.class, writer.getSerializer());
            assertSame(SimpleValueType.TEXT, writer.getValueType());
            assertEquals(List.of(topic), reader.getTopics());
        }
    }

    @Test
    void generatedClientIdsDiffer() {
        Set<String> ids = new HashSet<>();
        for (int i = 0; i < 3; i++) {
            try (MessageWriter<String> writer = textWriter()) {
                assertTrue(ids.add(writer.getClientId()) && !writer.getClientId().isEmpty());
            }
        }
    }

    @Test
    void oneFactoryMakesManyClients() {
        MessageWriterFactory<String> factory = Clients.textWriter(BROKER.open(), topic).build();
        try (MessageReader<String> reader = textReader(); MessageWriter<String> a = factory.getWriter();
                MessageWriter<String> b = factory.getWriter(); LogCapture log = new LogCapture()) {
            a.write("a");
            assertEquals("a", reader.read().getValue());
            b.write("b");
            assertEquals("b", reader.read().getValue());
            assertEquals(List.of(), log.warnings());
        }
    }
}
