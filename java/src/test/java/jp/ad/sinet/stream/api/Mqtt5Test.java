package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Background;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Packet;
import jp.ad.sinet.stream.testing.PacketProperties;
import jp.ad.sinet.stream.testing.ScriptedBroker;
import jp.ad.sinet.stream.testing.Yaml;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageReaderFactory.MessageReaderFactoryBuilder;
import jp.ad.sinet.stream.utils.MessageWriterFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory.MessageWriterFactoryBuilder;

/** The features of MQTT 5: properties, reason codes, and DISCONNECT from the broker. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class Mqtt5Test {
    @RegisterExtension
    static final Broker BROKER = new Broker(Broker.Listener.OPEN);

    private static final Duration LIMIT = Duration.ofSeconds(10);
    private static final Duration SHORT = Duration.ofMillis(300);
    private static final String REASON = "because I say so";
    private static final Map<String, Object> SOON = Map.of("min_delay", 0.01, "max_delay", 0.1);

    @TempDir
    Path directory;

    private final String topic = Clients.topic();

    private MessageWriterFactoryBuilder<String> writer(String broker) {
        return Clients.textWriter(broker, topic).parameter("protocol", "MQTTv5").parameter("qos", 1)
                .parameter("reconnect_delay", SOON);
    }

    private MessageReaderFactoryBuilder<String> reader(String broker) {
        return Clients.textReader(broker, topic).parameter("protocol", "MQTTv5").parameter("qos", 1)
                .parameter("reconnect_delay", SOON);
    }

    private static PacketProperties reason() {
        return new PacketProperties().reason(REASON);
    }

    private static ScriptedBroker connack(int code, PacketProperties properties) {
        return ScriptedBroker.mqtt5(packet -> packet.type() == Packet.CONNECT
                ? List.of(Packet.connack5(code, properties)) : null);
    }

    private static void contains(Throwable failure, String... parts) {
        for (String part : parts) {
            assertTrue(failure.getMessage().toLowerCase(Locale.ROOT).contains(part.toLowerCase(Locale.ROOT)),
                    failure.getMessage());
        }
    }

    // ---- CONNECT

    private static final Map<String, Object> PARAMETERS = Map.of("session_expiry_interval", 3600, "receive_maximum", 7,
            "maximum_packet_size", 100_000, "topic_alias_maximum", 5, "request_response_info", true,
            "request_problem_info", 0, "user_property", Map.of("site", "Tokyo"), "auth_method", "token", "auth_data",
            "s3cr3t", "clean_start", false);

    private static void everythingIsSaid(Packet connect) {
        assertEquals("MQTT 5", connect.protocol());
        assertEquals(0, connect.connectFlags()); // no clean start
        Map<Integer, List<Object>> expected = Map.of(
                PacketProperties.SESSION_EXPIRY_INTERVAL, List.of(3600L), PacketProperties.RECEIVE_MAXIMUM, List.of(7L),
                PacketProperties.MAXIMUM_PACKET_SIZE, List.of(100_000L),
                PacketProperties.TOPIC_ALIAS_MAXIMUM, List.of(5L),
                PacketProperties.REQUEST_RESPONSE_INFORMATION, List.of(1L),
                PacketProperties.REQUEST_PROBLEM_INFORMATION, List.of(0L),
                PacketProperties.USER_PROPERTY, List.of(List.of("site", "Tokyo")),
                PacketProperties.AUTHENTICATION_METHOD, List.of("token"),
                PacketProperties.AUTHENTICATION_DATA, List.of("s3cr3t"));
        assertEquals(expected, connect.properties5());
    }

    @Test
    void connectSaysWhatTheBuilderWasGiven() {
        try (ScriptedBroker broker = ScriptedBroker.mqtt5(packet -> null);
                MessageReader<String> reader = reader(broker.address()).clientId("me").parameters(PARAMETERS).build()
                        .getReader()) {
            everythingIsSaid(broker.first(Packet.CONNECT));
            String shown = reader + " " + reader.getConfig();
            assertFalse(shown.contains("s3cr3t") || shown.contains("Tokyo"), shown);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void connectSaysWhatTheFileSays(boolean inTypeSpec) throws IOException {
        try (ScriptedBroker broker = ScriptedBroker.mqtt5(packet -> null)) {
            Map<String, Object> service = new HashMap<>(Map.of("type", "mqtt", "brokers", broker.address(), "topic",
                    topic, "client_id", "me"));
            Map<String, Object> own = new HashMap<>(PARAMETERS);
            own.put("protocol", "MQTTv5");
            if (inTypeSpec) {
                service.put("type_spec", own);
            } else {
                service.putAll(own);
            }
            Path file = Yaml.service(directory, 3, "svc", service);
            MessageWriterFactory.<byte[]>builder().configFile(file).build().getWriter().close();
            everythingIsSaid(broker.first(Packet.CONNECT));
        }
    }

    @Test
    void sessionEndsWhenItsTimeIsOver() {
        for (int seconds : new int[] {0, 3600}) {
            MessageReaderFactory<String> readers = reader(BROKER.open()).clientId("expiring").receiveTimeout(SHORT)
                    .parameter("clean_start", false).parameter("session_expiry_interval", seconds).build();
            readers.getReader().close();
            try (MessageWriter<String> writer = writer(BROKER.open()).build().getWriter()) {
                writer.write("while nobody read");
            }
            try (MessageReader<String> reader = readers.getReader()) {
                assertEquals(seconds == 0, reader.read() == null);
            }
        }
    }

    /** {@code clean_session} keeps its meaning of earlier versions, also for the session's lifetime. */
    @Test
    void sessionOfCleanSessionStays() {
        MessageReaderFactory<String> readers = reader(BROKER.open()).clientId("staying").receiveTimeout(SHORT)
                .parameter("clean_session", false).build();
        readers.getReader().close();
        try (MessageWriter<String> writer = writer(BROKER.open()).build().getWriter()) {
            writer.write("while nobody read");
        }
        try (MessageReader<String> reader = readers.getReader()) {
            assertEquals("while nobody read", reader.read().getValue());
        }
    }

    @Test
    void packetsAboveTheReadersMaximumStayWithTheBroker() {
        try (MessageReader<String> reader = reader(BROKER.open()).parameter("maximum_packet_size", 1000).build()
                .getReader();
                MessageWriter<String> writer = writer(BROKER.open()).build().getWriter()) {
            writer.write("x".repeat(2000));
            writer.write("small");
            assertEquals("small", reader.read().getValue());
            assertTrue(reader.isConnected());
        }
    }

    // ---- properties of messages

    @Test
    void propertiesOfAMessageArrive() {
        Map<String, Object> properties = Map.of("payload_format_indicator", 1, "message_expiry_interval", 3600,
                "content_type", "text/plain", "response_topic", "answers", "correlation_data",
                new byte[] {0, (byte) 255}, "user_property", Map.of("site", "Tokyo"));
        try (MessageReader<String> reader = reader(BROKER.open()).build().getReader();
                MessageReader<String> older = reader(BROKER.open()).parameter("protocol", "MQTTv311").build()
                        .getReader();
                MessageWriter<String> writer = writer(BROKER.open()).parameter("message_properties", properties)
                        .build().getWriter()) {
            writer.write("x");
            Message<String> message = reader.read();
            PublishPacket packet = (PublishPacket) message.getRaw();
            assertEquals(topic, packet.getTopic());
            assertEquals(1, packet.getQos());
            assertEquals(1, packet.getPayloadFormatIndicator());
            long left = packet.getMessageExpiryInterval();
            assertTrue(left > 3000 && left <= 3600, () -> "" + left);
            assertEquals("text/plain", packet.getContentType());
            assertEquals("answers", packet.getResponseTopic());
            assertArrayEquals(new byte[] {0, (byte) 255}, packet.getCorrelationData());
            assertEquals(List.of(Map.entry("site", "Tokyo")), packet.getUserProperties());
            assertEquals(List.of(), packet.getSubscriptionIdentifiers());
            assertFalse(message.toString().contains("Tokyo"));
            // a client of an earlier version gets the message without them
            assertEquals(new PublishPacket(topic, 1, false, false), older.read().getRaw());
            String shown = writer + " " + writer.getConfig();
            assertTrue(shown.contains("text/plain") && !shown.contains("Tokyo"), shown);
        }
    }

    @Test
    void everyPropertyThatABrokerMaySend() {
        PacketProperties properties = new PacketProperties().user("b", "2")
                .with(PacketProperties.SUBSCRIPTION_IDENTIFIER, 1).with(PacketProperties.CONTENT_TYPE, "")
                .user("a", "1").with(PacketProperties.MESSAGE_EXPIRY_INTERVAL, 0xFFFF_FFFFL)
                .with(PacketProperties.SUBSCRIPTION_IDENTIFIER, 268_435_455)
                .with(PacketProperties.CORRELATION_DATA, new byte[0]).user("b", "2")
                .with(PacketProperties.PAYLOAD_FORMAT_INDICATOR, 0).with(PacketProperties.RESPONSE_TOPIC, "r");
        byte[] payload = Clients.wire("x".getBytes(StandardCharsets.UTF_8));
        try (ScriptedBroker broker = ScriptedBroker.mqtt5(packet -> packet.type() != Packet.SUBSCRIBE ? null
                : List.of(ScriptedBroker.usual5(packet).get(0), Packet.publish5(topic, properties, payload),
                        Packet.publish5(topic, new PacketProperties(), payload)));
                MessageReader<String> reader = reader(broker.address()).build().getReader()) {
            Message<String> message = reader.read();
            assertEquals("x", message.getValue());
            PublishPacket packet = (PublishPacket) message.getRaw();
            assertEquals(List.of(Map.entry("b", "2"), Map.entry("a", "1"), Map.entry("b", "2")),
                    packet.getUserProperties());
            assertEquals(List.of(1, 268_435_455), packet.getSubscriptionIdentifiers());
            assertEquals(0xFFFF_FFFFL, packet.getMessageExpiryInterval());
            assertEquals(0, packet.getPayloadFormatIndicator());
            assertEquals("", packet.getContentType());
            assertEquals("r", packet.getResponseTopic());
            assertEquals(0, packet.getCorrelationData().length);
            assertEquals(new PublishPacket(topic, 0, false, false), reader.read().getRaw());
        }
    }

    @Test
    void expiredMessageIsGone() {
        MessageReaderFactory<String> readers = reader(BROKER.open()).receiveTimeout(SHORT).build();
        try (MessageWriter<String> writer = writer(BROKER.open()).parameter("retain", true)
                .parameter("message_properties", Map.of("message_expiry_interval", 2)).build().getWriter()) {
            writer.write("short-lived");
        }
        try (MessageReader<String> reader = readers.getReader()) {
            Message<String> message = reader.read();
            assertEquals("short-lived", message.getValue());
            assertTrue(((PublishPacket) message.getRaw()).getMessageExpiryInterval() <= 2);
        }
        Await.until("the message expires", () -> {
            try (MessageReader<String> reader = readers.getReader()) {
                return reader.read() == null;
            }
        });
    }

    @Test
    void topicAliasesOfTheBrokerAreResolved() {
        byte[] payload = Clients.wire("x".getBytes(StandardCharsets.UTF_8));
        PacketProperties alias = new PacketProperties().with(PacketProperties.TOPIC_ALIAS, 3);
        try (ScriptedBroker broker = ScriptedBroker.mqtt5(packet -> packet.type() != Packet.SUBSCRIBE ? null
                : List.of(ScriptedBroker.usual5(packet).get(0), Packet.publish5(topic + "/a", alias, payload),
                        Packet.publish5("", alias, payload), Packet.publish5(topic + "/b", alias, payload),
                        Packet.publish5("", alias, payload)));
                MessageReader<String> reader = Clients.textReader(broker.address(), topic + "/#")
                        .parameter("protocol", "MQTTv5").parameter("topic_alias_maximum", 3).build().getReader()) {
            List<String> topics = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                topics.add(reader.read().getTopic());
            }
            assertEquals(List.of(topic + "/a", topic + "/a", topic + "/b", topic + "/b"), topics);
        }
    }

    // ---- CONNACK

    @ParameterizedTest
    @CsvSource({"0x86, AuthenticationException", "0x87, AuthenticationException", "0x8A, AuthenticationException",
        "0x8C, AuthenticationException", "0x80, ConnectionException", "0x84, ConnectionException",
        "0x85, ConnectionException", "0x88, ConnectionException", "0x89, ConnectionException",
        "0x97, ConnectionException", "0x9F, ConnectionException"})
    void refusedConnectionTellsTheReason(String code, String exception) {
        try (ScriptedBroker broker = connack(Integer.decode(code), reason())) {
            for (boolean reading : new boolean[] {false, true}) {
                SinetStreamException e = assertThrows(SinetStreamException.class, () -> (reading
                        ? reader(broker.address()).build().getReader() : writer(broker.address()).build().getWriter())
                                .close());
                assertEquals(exception, e.getClass().getSimpleName());
                contains(e, broker.address(), code, REASON);
            }
            assertEquals(2, broker.connections()); // one for each client
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"0x9C", "0x9D"})
    void otherServerIsNamed(String code) {
        PacketProperties other = reason().with(PacketProperties.SERVER_REFERENCE, "other.example.org:1884");
        try (ScriptedBroker broker = connack(Integer.decode(code), other)) {
            ConnectionException e = assertThrows(ConnectionException.class,
                    () -> writer(broker.address()).build().getWriter().close());
            assertSame(ConnectionException.class, e.getClass());
            contains(e, broker.address(), REASON, "other.example.org:1884");
        }
    }

    @Test
    void keepAliveOfTheBrokerCounts() {
        try (ScriptedBroker broker = connack(0, new PacketProperties().with(PacketProperties.SERVER_KEEP_ALIVE, 1));
                MessageReader<String> reader = reader(broker.address()).build().getReader()) {
            broker.awaitReceived(Packet.PINGREQ);
            assertTrue(reader.isConnected());
        }
    }

    @Test
    void packetAboveTheBrokersMaximumIsNotSent() {
        try (ScriptedBroker broker = connack(0,
                new PacketProperties().with(PacketProperties.MAXIMUM_PACKET_SIZE, 200));
                MessageWriter<String> writer = writer(broker.address()).build().getWriter()) {
            SinetStreamIOException e = assertThrows(SinetStreamIOException.class, () -> writer.write("x".repeat(200)));
            contains(e, "200");
            assertEquals(0, broker.received(Packet.PUBLISH));
            writer.write("small");
            assertEquals(1, broker.connections());
        }
    }

    @Test
    void writerWaitsForTheBrokersReceiveMaximum() {
        // The only place in the window is freed by the broker's answer, which the broker sends when it gets PINGREQ.
        int[] unacknowledged = {0};
        PacketProperties one = new PacketProperties().with(PacketProperties.RECEIVE_MAXIMUM, 1);
        try (ScriptedBroker broker = ScriptedBroker.mqtt5(packet -> {
            switch (packet.type()) {
                case Packet.CONNECT:
                    return List.of(Packet.connack5(0, one));
                case Packet.PUBLISH:
                    unacknowledged[0] = packet.id();
                    return List.of();
                case Packet.PINGREQ:
                    return List.of(Packet.ack5(Packet.PUBACK, unacknowledged[0], 0, new PacketProperties()),
                            Packet.of(Packet.PINGRESP));
                default:
                    return null;
            }
        }); MessageWriter<String> writer = writer(broker.address()).build().getWriter()) {
            Background<Void> first = Background.run(() -> writer.write("1"));
            broker.awaitReceived(Packet.PUBLISH, 1);
            Background<Void> second = Background.run(() -> writer.write("2")).awaitParked();
            assertEquals(1, broker.received(Packet.PUBLISH));
            writer.ping(LIMIT); // sent after all packets of the second write
            first.get(LIMIT);
            broker.awaitReceived(Packet.PUBLISH, 2);
            writer.ping(LIMIT);
            second.get(LIMIT);
        }
    }

    // ---- acknowledgements and DISCONNECT

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void nobodyListensIsNoError(int qos) {
        try (ScriptedBroker broker = ScriptedBroker.mqtt5(packet -> packet.type() != Packet.PUBLISH ? null
                : List.of(Packet.ack5(qos == 1 ? Packet.PUBACK : Packet.PUBREC, packet.id(), 0x10, reason())));
                MessageWriter<String> writer = writer(broker.address()).parameter("qos", qos).build().getWriter()) {
            writer.write("x");
            assertEquals(1, writer.getMetrics().getMsgCountTotal());
        }
    }

    /** Makes a broker that answers the first message, or the first ping, with DISCONNECT. */
    private static ScriptedBroker leaving(int code, PacketProperties properties) {
        boolean[] left = {false};
        return ScriptedBroker.mqtt5(packet -> {
            if (left[0] || packet.type() != Packet.PUBLISH && packet.type() != Packet.PINGREQ) {
                return null;
            }
            left[0] = true;
            return List.of(Packet.disconnect5(code, properties));
        });
    }

    /** Mosquitto 2.0 only closes the connection, so the scripted broker sends DISCONNECT. */
    @Test
    void takenOverSessionEndsTheClient() {
        try (ScriptedBroker broker = leaving(0x8E, reason());
                MessageWriter<String> writer = writer(broker.address()).clientId("me").build().getWriter()) {
            for (int i = 0; i < 2; i++) {
                ConnectionException e = assertThrows(ConnectionException.class, () -> writer.write("x"));
                contains(e, broker.address(), "another client", "'me'", REASON);
            }
            assertFalse(writer.isConnected());
            assertEquals(1, broker.connections());
        }
        try (ScriptedBroker broker = leaving(0x8E, reason());
                MessageReader<String> reader = reader(broker.address()).clientId("me").build().getReader()) {
            assertThrows(ConnectionException.class, () -> reader.ping(LIMIT));
            contains(assertThrows(ConnectionException.class, reader::read), "another client");
            assertEquals(1, broker.connections());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"0x00", "0x89", "0x8B", "0x98"})
    void clientComesBackAfterOtherFarewells(String code) {
        try (ScriptedBroker broker = leaving(Integer.decode(code), reason());
                MessageWriter<String> writer = writer(broker.address()).build().getWriter()) {
            writer.write("x");
            assertEquals(2, broker.connections());
            assertEquals(2, broker.received(Packet.PUBLISH));
        }
    }

    @Test
    void reasonOfAFarewellIsTold() {
        PacketProperties other = reason().with(PacketProperties.SERVER_REFERENCE, "other.example.org:1884");
        for (String code : List.of("0x8B", "0x9C", "0x9D")) {
            try (ScriptedBroker broker = leaving(Integer.decode(code), other);
                    MessageWriter<String> writer = writer(broker.address())
                            .parameter("connect", Map.of("automatic_reconnect", false)).build().getWriter()) {
                SinetStreamIOException e = assertThrows(SinetStreamIOException.class, () -> writer.write("x"));
                contains(e, broker.address(), REASON, "other.example.org:1884");
                assertEquals(1, broker.connections());
            }
        }
    }
}
