package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Packet;
import jp.ad.sinet.stream.testing.PacketProperties;
import jp.ad.sinet.stream.testing.ScriptedBroker;
import jp.ad.sinet.stream.utils.MessageReaderFactory.MessageReaderFactoryBuilder;
import jp.ad.sinet.stream.utils.MessageWriterFactory.MessageWriterFactoryBuilder;

/** An operation that the broker does not permit throws an exception, as far as MQTT lets the broker report it. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class AuthorizationTest {
    @RegisterExtension
    static final Broker BROKER = new Broker(Broker.Listener.ACL);

    private static final String WRITER = "user01";
    private static final String READER = "user02";
    private static final String BOTH = "user03";
    private static final String V5 = "MQTTv5";
    private static final String REASON = "because I say so";
    private static final Duration SHORT = Duration.ofMillis(300);

    private final String topic = Clients.topic();

    private static Map<String, String> login(String user) {
        return Map.of("username", user, "password", Broker.password(user));
    }

    private static MessageWriterFactoryBuilder<String> writer(String protocol, String user, String topic, int qos) {
        return Clients.textWriter(BROKER.acl(), topic).parameter("protocol", protocol)
                .parameter("username_pw", login(user)).parameter("qos", qos);
    }

    private static MessageReaderFactoryBuilder<String> reader(String protocol, String user, String topic) {
        return Clients.textReader(BROKER.acl(), topic).parameter("protocol", protocol)
                .parameter("username_pw", login(user)).parameter("qos", 2);
    }

    private static void contains(Throwable failure, String... parts) {
        for (String part : parts) {
            assertTrue(failure.getMessage().toLowerCase(Locale.ROOT).contains(part.toLowerCase(Locale.ROOT)),
                    failure.getMessage());
        }
    }

    // ---- Mosquitto with an ACL file

    @ParameterizedTest
    @CsvSource({"MQTTv5, 0", "MQTTv5, 1", "MQTTv5, 2", "MQTTv311, 1", "MQTTv311, 2"})
    void whatIsPermittedWorks(String protocol, int qos) {
        try (MessageReader<String> reader = reader(protocol, READER, topic).build().getReader();
                MessageReader<String> both = reader(protocol, BOTH, topic).build().getReader();
                MessageWriter<String> writer = writer(protocol, WRITER, topic, qos).build().getWriter();
                MessageWriter<String> bothWriter = writer(protocol, BOTH, topic, qos).build().getWriter()) {
            for (MessageWriter<String> each : List.of(writer, bothWriter)) {
                each.write("x");
                assertEquals("x", reader.read().getValue());
                assertEquals("x", both.read().getValue());
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"user02, test/denied, 1", "user02, test/denied, 2", "user03, elsewhere, 1", "user03, elsewhere, 2"})
    void deniedWriteIsSeen(String user, String denied, int qos) {
        try (MessageWriter<String> writer = writer(V5, user, denied, qos).build().getWriter()) {
            int before = BROKER.connections(BROKER.acl());
            for (int i = 0; i < 3; i++) {
                AuthorizationException e = assertThrows(AuthorizationException.class, () -> writer.write("x"));
                assertSame(AuthorizationException.class, e.getClass());
                contains(e, denied, "not authorized");
            }
            assertTrue(writer.isConnected());
            assertEquals(before, BROKER.connections(BROKER.acl()));
            assertEquals(3, writer.getMetrics().getErrorCountTotal());
            assertEquals(0, writer.getMetrics().getMsgCountTotal());
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void writerGoesOnWhenItIsPermitted(int qos) throws IOException {
        List<String> usual = BROKER.rights();
        try (MessageReader<String> reader = reader(V5, BOTH, topic).build().getReader();
                MessageWriter<String> writer = writer(V5, READER, topic, qos).build().getWriter()) {
            assertThrows(AuthorizationException.class, () -> writer.write("denied"));
            BROKER.setRights(List.of("user " + READER, "topic write " + topic, "user " + BOTH, "topic read " + topic));
            BROKER.reload();
            writer.write("permitted");
            assertEquals("permitted", reader.read().getValue());
        } finally {
            BROKER.setRights(usual);
            BROKER.reload();
        }
    }

    /**
     * MQTT cannot report this refusal: the broker acknowledges the message, or has nothing to answer, and drops the message.
     */
    @ParameterizedTest
    @CsvSource({"MQTTv31, 1", "MQTTv311, 0", "MQTTv311, 1", "MQTTv311, 2", "MQTTv5, 0"})
    void deniedWriteIsDroppedWhereTheBrokerCannotSaySo(String protocol, int qos) {
        try (MessageReader<String> reader = reader(protocol, BOTH, topic).build().getReader();
                MessageWriter<String> denied = writer(protocol, READER, topic, qos).build().getWriter();
                MessageWriter<String> permitted = writer(protocol, WRITER, topic, 2).build().getWriter()) {
            denied.write("dropped");
            denied.ping(Clients.RECEIVE_LIMIT); // when it answers, the broker has handled the message
            permitted.write("delivered");
            assertEquals("delivered", reader.read().getValue());
        }
    }

    /**
     * Mosquitto 2.0 grants a subscription whose topic the ACL file only forbids to read, and delivers nothing; other brokers
     * refuse.
     */
    @ParameterizedTest
    @ValueSource(strings = {"MQTTv311", "MQTTv5"})
    void nothingIsReadWithoutPermission(String protocol) {
        try (MessageReader<String> permitted = reader(protocol, BOTH, topic).build().getReader();
                MessageReader<String> denied = reader(protocol, WRITER, topic).receiveTimeout(SHORT).build()
                        .getReader();
                MessageWriter<String> writer = writer(protocol, WRITER, topic, 1).build().getWriter()) {
            writer.write("x");
            assertEquals("x", permitted.read().getValue());
            assertNull(denied.read());
        } catch (AuthorizationException e) {
            contains(e, topic);
        }
    }

    // ---- brokers that refuse, with their reasons

    private static PacketProperties reason() {
        return new PacketProperties().reason(REASON);
    }

    /** Makes a broker that refuses the first PUBLISH. */
    private static ScriptedBroker refusingOnce(int code) {
        boolean[] refused = {false};
        return ScriptedBroker.mqtt5(packet -> {
            if (packet.type() != Packet.PUBLISH || refused[0]) {
                return null;
            }
            refused[0] = true;
            return List.of(Packet.ack5(packet.qos() == 1 ? Packet.PUBACK : Packet.PUBREC, packet.id(), code,
                    reason()));
        });
    }

    @ParameterizedTest
    @CsvSource({"1, 0x80, SinetStreamIOException", "1, 0x83, SinetStreamIOException",
        "1, 0x87, AuthorizationException", "1, 0x90, SinetStreamIOException", "1, 0x91, SinetStreamIOException",
        "1, 0x97, SinetStreamIOException", "1, 0x99, SinetStreamIOException", "2, 0x80, SinetStreamIOException",
        "2, 0x87, AuthorizationException", "2, 0x97, SinetStreamIOException"})
    void refusedWriteTellsTheReason(int qos, String code, String exception) {
        try (ScriptedBroker broker = refusingOnce(Integer.decode(code));
                MessageWriter<String> writer = Clients.textWriter(broker.address(), topic).parameter("protocol", V5)
                        .parameter("qos", qos).build().getWriter()) {
            SinetStreamIOException e = assertThrows(SinetStreamIOException.class, () -> writer.write("x"));
            assertEquals(exception, e.getClass().getSimpleName());
            contains(e, topic, REASON);
            writer.write("y"); // the window has room for it, and no handshake remains
            assertTrue(writer.isConnected());
            assertEquals(1, broker.connections());
            assertEquals(qos == 1 ? 0 : 1, broker.received(Packet.PUBREL));
        }
    }

    @ParameterizedTest
    @CsvSource({"0x80, SinetStreamIOException", "0x83, SinetStreamIOException", "0x87, AuthorizationException",
        "0x8F, SinetStreamIOException", "0x97, SinetStreamIOException", "0x9E, SinetStreamIOException",
        "0xA2, SinetStreamIOException"})
    void refusedSubscriptionTellsTheReason(String code, String exception) {
        try (ScriptedBroker broker = ScriptedBroker.mqtt5(packet -> packet.type() != Packet.SUBSCRIBE ? null
                : List.of(Packet.suback5(packet.id(), reason(), 0, Integer.decode(code))))) {
            SinetStreamIOException e = assertThrows(SinetStreamIOException.class,
                    () -> Clients.textReader(broker.address(), null).clearTopics().topics(List.of("granted", topic))
                            .parameter("protocol", V5).build().getReader().close());
            assertEquals(exception, e.getClass().getSimpleName());
            contains(e, "'" + topic + "'", broker.address(), REASON, code);
            assertEquals(1, broker.connections());
        }
    }

    /** Below MQTT 5 all refusals have one code, and no reason string. */
    @Test
    void refusedSubscriptionBelowMqtt5() {
        for (String protocol : List.of("MQTTv31", "MQTTv311")) {
            try (ScriptedBroker broker = ScriptedBroker.neverAcknowledging(0x80)) {
                AuthorizationException e = assertThrows(AuthorizationException.class,
                        () -> Clients.textReader(broker.address(), topic).parameter("protocol", protocol).build()
                                .getReader().close());
                contains(e, topic, broker.address(), "0x80");
            }
        }
    }
}
