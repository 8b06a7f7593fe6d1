package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;

import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Background;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Packet;
import jp.ad.sinet.stream.testing.ScriptedBroker;
import jp.ad.sinet.stream.testing.Yaml;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageReaderFactory.MessageReaderFactoryBuilder;
import jp.ad.sinet.stream.utils.MessageWriterFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory.MessageWriterFactoryBuilder;

/** Features that work alike in every version of MQTT. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class MqttVersionsTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    private static final Duration LIMIT = Duration.ofSeconds(10);
    private static final List<String> PROTOCOLS = List.of("MQTTv31", "MQTTv311", "MQTTv5");

    @TempDir
    Path directory;

    private final String topic = Clients.topic();

    private static MessageWriterFactoryBuilder<String> writer(String protocol, String topic) {
        return Clients.textWriter(BROKER.open(), topic).parameter("protocol", protocol).parameter("qos", 1);
    }

    private static MessageReaderFactoryBuilder<String> reader(String protocol, String topic) {
        return Clients.textReader(BROKER.open(), topic).parameter("protocol", protocol).parameter("qos", 1);
    }

    static Stream<Arguments> protocolsAndQualities() {
        return PROTOCOLS.stream().flatMap(
                protocol -> Stream.of(Consistency.values()).map(quality -> Arguments.of(protocol, quality)));
    }

    @ParameterizedTest
    @CsvSource({"MQTTv31, MQIsdp 3", "MQTTv311, MQTT 4", "MQTTv5, MQTT 5"})
    void connectNamesTheVersion(String protocol, String expected) {
        try (ScriptedBroker broker = ScriptedBroker.connack(3)) {
            assertThrows(ConnectionException.class, () -> Clients.textWriter(broker.address(), topic)
                    .parameter("protocol", protocol).build().getWriter().close());
            Packet connect = broker.first(Packet.CONNECT);
            assertEquals(expected, connect.protocol());
            assertEquals(2, connect.connectFlags()); // a clean start and nothing else
        }
    }

    @ParameterizedTest
    @MethodSource("protocolsAndQualities")
    void whatIsWrittenIsRead(String protocol, Consistency consistency) {
        try (MessageReader<String> reader = reader(protocol, topic).parameter("qos", consistency.getQos()).build()
                .getReader();
                MessageWriter<String> writer = writer(protocol, topic).parameter("qos", consistency.getQos()).build()
                        .getWriter()) {
            for (String text : List.of("hello", "", "日本語")) {
                writer.write(text);
                Message<String> message = reader.read();
                assertEquals(text, message.getValue());
                assertEquals(new PublishPacket(topic, consistency.getQos(), false, false), message.getRaw());
            }
        }
    }

    static Stream<Arguments> pairsOfProtocols() {
        return PROTOCOLS.stream().flatMap(from -> PROTOCOLS.stream().map(to -> Arguments.of(from, to)));
    }

    @ParameterizedTest
    @MethodSource("pairsOfProtocols")
    void versionsUnderstandEachOther(String from, String to) {
        try (MessageReader<String> reader = reader(to, topic).build().getReader();
                MessageWriter<String> writer = writer(from, topic).build().getWriter()) {
            writer.write("x");
            assertEquals("x", reader.read().getValue());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"MQTTv31", "MQTTv311", "MQTTv5"})
    void versionIsTakenFromTheFile(String protocol) throws IOException {
        for (boolean inTypeSpec : new boolean[] {false, true}) {
            String name = topic + inTypeSpec;
            Map<String, Object> service = inTypeSpec
                    ? Map.of("type", "mqtt", "brokers", BROKER.login(), "topic", name, "type_spec",
                            Map.of("protocol", protocol, "username_pw_set",
                                    Map.of("username", "user01", "password", Broker.password("user01"))))
                    : Map.of("type", "mqtt", "brokers", BROKER.login(), "topic", name, "protocol", protocol,
                            "username_pw", Map.of("username", "user01", "password", Broker.password("user01")));
            Path file = Yaml.service(directory, 3, "svc", service);
            int before = BROKER.occurrences(mosquittoName(protocol));
            try (MessageReader<byte[]> reader = MessageReaderFactory.<byte[]>builder().configFile(file).build()
                    .getReader();
                    MessageWriter<byte[]> writer = MessageWriterFactory.<byte[]>builder().configFile(file).build()
                            .getWriter()) {
                writer.write(new byte[] {1});
                assertEquals(1, reader.read().getValue()[0]);
            }
            assertEquals(before + 2, BROKER.occurrences(mosquittoName(protocol)));
        }
    }

    /** Returns the name of a version in Mosquitto's log. */
    private static String mosquittoName(String protocol) {
        return " (p" + (PROTOCOLS.indexOf(protocol) == 2 ? 5 : PROTOCOLS.indexOf(protocol) + 1) + ", ";
    }

    @ParameterizedTest
    @ValueSource(strings = {"MQTTv31", "MQTTv311", "MQTTv5"})
    void severalTopicsAndWildcards(String protocol) {
        List<String> filters = List.of(topic + "/one", topic + "/+/x", topic + "/deep/#");
        try (MessageReader<String> reader = reader(protocol, null).clearTopics().topics(filters).build()
                .getReader()) {
            for (String name : List.of("/one", "/y/x", "/deep/a/b")) {
                try (MessageWriter<String> writer = writer(protocol, topic + name).build().getWriter()) {
                    writer.write(name);
                }
                Message<String> message = reader.read();
                assertEquals(name, message.getValue());
                assertEquals(topic + name, message.getTopic());
                assertEquals(topic + name, ((PublishPacket) message.getRaw()).getTopic());
            }
        }
    }

    /** Readers of one group share the messages: each goes to one of them. */
    @ParameterizedTest
    @ValueSource(strings = {"MQTTv31", "MQTTv311", "MQTTv5"})
    void sharedSubscriptionDeliversEachMessageOnce(String protocol) {
        int count = 100;
        String shared = "$share/group/" + topic + "/+";
        Set<String> got = ConcurrentHashMap.newKeySet();
        try (MessageReader<String> one = reader(protocol, shared).receiveTimeout(Duration.ofMillis(50)).build()
                .getReader();
                MessageReader<String> two = reader(protocol, shared).receiveTimeout(Duration.ofMillis(50)).build()
                        .getReader();
                MessageReader<String> outside = reader(protocol, topic + "/+").build().getReader();
                MessageWriter<String> writer = writer(protocol, topic + "/sensor").build().getWriter()) {
            assertEquals(shared, one.getTopic());
            List<Background<Integer>> shares = new ArrayList<>();
            for (MessageReader<String> reader : List.of(one, two)) {
                shares.add(Background.call(() -> {
                    int share = 0;
                    Message<String> message = null;
                    while (message != null || got.size() < count) {
                        message = reader.read();
                        if (message != null) {
                            assertEquals(topic + "/sensor", message.getTopic());
                            assertTrue(got.add(message.getValue()), message.getValue());
                            share++;
                        }
                    }
                    return share;
                }));
            }
            for (int i = 0; i < count; i++) {
                writer.write("" + i);
                assertEquals("" + i, outside.read().getValue()); // a reader outside the group gets all messages
            }
            int first = shares.get(0).get(LIMIT);
            int second = shares.get(1).get(LIMIT);
            assertEquals(count, first + second);
            assertTrue(first > 0 && second > 0, first + " and " + second);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"MQTTv31", "MQTTv311", "MQTTv5"})
    void retainedMessageMeetsLaterReaders(String protocol) {
        try (MessageWriter<String> writer = writer(protocol, topic).parameter("retain", true).build().getWriter();
                MessageReader<String> early = reader(protocol, topic).build().getReader()) {
            writer.write("old");
            writer.write("kept");
            // a reader that was subscribed before does not get them as retained ones
            assertEquals(new PublishPacket(topic, 1, false, false), early.read().getRaw());
        }
        try (MessageReader<String> late = reader(protocol, topic).build().getReader()) {
            Message<String> message = late.read();
            assertEquals("kept", message.getValue());
            assertEquals(new PublishPacket(topic, 1, true, false), message.getRaw());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"MQTTv31", "MQTTv311", "MQTTv5"})
    void keptSessionHoldsMessages(String protocol) {
        MessageReaderFactory<String> readers = reader(protocol, topic).clientId("kept-" + protocol)
                .parameter(protocol.equals("MQTTv5") ? "clean_start" : "clean_session", false)
                .parameters(protocol.equals("MQTTv5") ? Map.of("session_expiry_interval", 3600) : Map.of()).build();
        try (MessageWriter<String> writer = writer(protocol, topic).build().getWriter()) {
            readers.getReader().close();
            writer.write("while nobody read");
            try (MessageReader<String> reader = readers.getReader()) {
                assertEquals("while nobody read", reader.read().getValue());
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"MQTTv31", "MQTTv311", "MQTTv5"})
    void connectionComesBack(String protocol) {
        try (ScriptedBroker broker = protocol.equals("MQTTv5") ? ScriptedBroker.mqtt5(packet -> null)
                : ScriptedBroker.neverAcknowledging();
                MessageReader<String> reader = Clients.textReader(broker.address(), topic)
                        .parameter("protocol", protocol).parameter("reconnect_delay", Map.of("min_delay", 0.01))
                        .build().getReader()) {
            broker.closeConnections();
            broker.awaitReceived(Packet.SUBSCRIBE, 2);
            assertEquals(2, broker.connections());
            Await.until("the reader knows", reader::isConnected);
        }
    }
}
