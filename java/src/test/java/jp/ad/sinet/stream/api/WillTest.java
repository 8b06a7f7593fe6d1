package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.ChildJvm;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Yaml;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** The messages that the broker publishes for a client that is gone without DISCONNECT. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class WillTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    private static final int KILLED = 128 + 9;
    private static final String GOODBYE = "goodbye";

    @TempDir
    Path directory;

    private final String topic = Clients.topic();
    private final String willTopic = topic + "/will";

    /** Writes a configuration file for a client with this will. */
    private Path file(String protocol, String name, Map<String, Object> will, Map<String, Object> more)
            throws IOException {
        Map<String, Object> service = new HashMap<>(more);
        service.putAll(Map.of("type", "mqtt", "brokers", BROKER.open(), "topic", topic, "protocol", protocol));
        service.put(name, will);
        return Yaml.service(directory, 2, "svc", service);
    }

    private Map<String, Object> goodbye() {
        return new HashMap<>(Map.of("topic", willTopic, "payload", GOODBYE));
    }

    private MessageReader<String> reader(String protocol) {
        return Clients.textReader(BROKER.open(), willTopic).parameter("protocol", protocol).parameter("qos", 2).build()
                .getReader();
    }

    private static void killed(Path file) throws IOException {
        ChildJvm.Result result = new ChildJvm().run("killed", file.toString());
        assertTrue(result.ended && result.exitCode == KILLED, result::toString);
    }

    @ParameterizedTest
    @CsvSource({"MQTTv31, will_set", "MQTTv311, will_set", "MQTTv311, will", "MQTTv5, will_set", "MQTTv5, will"})
    void willOfAKilledClientIsAMessage(String protocol, String name) throws IOException {
        Map<String, Object> will = goodbye();
        will.putAll(Map.of("value_type", "text", "qos", 1));
        // The service's parameters for its own messages do not apply to the will.
        Path file = file(protocol, name, will, Map.of("message_format", 2, "qos", 0, "retain", true));
        try (MessageReader<String> reader = reader(protocol)) {
            killed(file);
            Message<String> message = reader.read();
            assertEquals(GOODBYE, message.getValue());
            assertEquals(willTopic, message.getTopic());
            assertEquals(0L, message.getTimestampMicroseconds());
            assertEquals(new PublishPacket(willTopic, 1, false, false), message.getRaw());
        }
    }

    /** A serializer that converts to upper case. */
    public static class Loud implements Serializer<String> {
        @Override
        public byte[] serialize(String text) {
            return text.toUpperCase().getBytes(StandardCharsets.UTF_8);
        }
    }

    @Test
    void aClassMakesTheValue() throws IOException {
        Map<String, Object> will = goodbye();
        will.put("value_serializer", Loud.class.getName());
        Path file = file("MQTTv311", "will_set", will, Map.of());
        try (MessageReader<String> reader = reader("MQTTv311")) {
            killed(file);
            assertEquals("GOODBYE", reader.read().getValue());
        }
        will.put("payload", new byte[] {1});
        Path wrong = file("MQTTv311", "will_set", will, Map.of());
        InvalidConfigurationException e = assertThrows(InvalidConfigurationException.class,
                () -> MessageWriterFactory.<String>builder().configFile(wrong).build().getWriter().close());
        assertTrue(e.getMessage().contains("will.value_serializer") && e.getMessage().contains(Loud.class.getName()),
                e::getMessage);
        will.put("value_serializer", "no.such.Class");
        Path missing = file("MQTTv311", "will_set", will, Map.of());
        e = assertThrows(InvalidConfigurationException.class,
                () -> MessageWriterFactory.<String>builder().configFile(missing).build().getWriter().close());
        assertTrue(e.getMessage().contains("no.such.Class: not found"), e.getMessage());
    }

    @Test
    void willHasItsOwnFormatQualityAndRetainFlag() throws IOException {
        Map<String, Object> will = goodbye();
        will.putAll(Map.of("payload", GOODBYE.getBytes(StandardCharsets.UTF_8), "value_type", "byte_array",
                "message_format", 2, "qos", 2, "retain", true));
        killed(file("MQTTv311", "will_set", will, Map.of()));
        // Messages of format 3 have a header, and this reader refuses others.
        try (MessageReader<byte[]> late = Clients.<byte[]>reader(BROKER.open(), willTopic, null).parameter("qos", 2)
                .parameter("message_format", 2).build().getReader()) {
            Message<byte[]> message = late.read();
            assertArrayEquals(GOODBYE.getBytes(StandardCharsets.UTF_8), message.getValue());
            assertEquals(new PublishPacket(willTopic, 2, true, false), message.getRaw());
        }
    }

    @Test
    void willHasProperties() throws IOException {
        Map<String, Object> will = goodbye();
        will.put("message_properties", Map.of("content_type", "text/plain", "user_property", Map.of("why", "gone")));
        try (MessageReader<String> reader = reader("MQTTv5")) {
            killed(file("MQTTv5", "will", will, Map.of()));
            PublishPacket packet = (PublishPacket) reader.read().getRaw();
            assertEquals("text/plain", packet.getContentType());
            assertEquals("[why=gone]", packet.getUserProperties().toString());
        }
    }

    /** The session has to outlive the delay, since otherwise its end sends the will. */
    @Test
    void delayedWill() throws IOException {
        Map<String, Object> will = goodbye();
        will.put("delay_interval", 3);
        Path file = file("MQTTv5", "will", will, Map.of("client_id", "delayed", "session_expiry_interval", 60));
        try (MessageReader<String> reader = reader("MQTTv5")) {
            killed(file);
            long death = System.nanoTime();
            assertEquals(GOODBYE, reader.read().getValue());
            Duration delay = Duration.ofNanos(System.nanoTime() - death);
            assertTrue(delay.toMillis() > 1500, delay::toString); // Mosquitto counts whole seconds
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"MQTTv31", "MQTTv311", "MQTTv5"})
    void farewellRemovesTheWill(String protocol) throws IOException {
        Path file = file(protocol, "will", goodbye(), Map.of());
        try (MessageReader<String> reader = reader(protocol);
                MessageWriter<String> other = Clients.textWriter(BROKER.open(), willTopic).parameter("qos", 1).build()
                        .getWriter()) {
            MessageWriterFactory.<byte[]>builder().configFile(file).build().getWriter().close();
            other.write("no will");
            assertEquals("no will", reader.read().getValue());
        }
    }

    @Test
    void willIsHiddenInWhatIsPrinted() throws IOException {
        Path file = file("MQTTv311", "will", goodbye(), Map.of());
        try (MessageWriter<byte[]> writer = MessageWriterFactory.<byte[]>builder().configFile(file).build()
                .getWriter()) {
            assertFalse((writer + " " + writer.getConfig()).contains(GOODBYE));
            assertTrue(writer.getConfig().get("will").toString().contains(willTopic));
        }
    }
}
