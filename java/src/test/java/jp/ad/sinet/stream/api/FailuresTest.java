package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.concurrent.CompletionException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import jp.ad.sinet.stream.api.SinetStreamIOException.Delivery;
import jp.ad.sinet.stream.api.SinetStreamIOException.Reason;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Background;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Packet;
import jp.ad.sinet.stream.testing.PacketProperties;
import jp.ad.sinet.stream.testing.ScriptedBroker;
import jp.ad.sinet.stream.utils.MessageWriterFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory.MessageWriterFactoryBuilder;

/** The parts of a failure that are for programs, not for people. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class FailuresTest {
    private static final Map<String, Object> NO_RECONNECT = Map.of("automatic_reconnect", false);

    @RegisterExtension
    static final Broker BROKER = new Broker();

    private final String topic = Clients.topic();

    private MessageWriterFactoryBuilder<String> writer(String address) {
        return Clients.textWriter(address, topic).consistency(Consistency.AT_LEAST_ONCE).parameter("close_timeout_ms", 100);
    }

    private static SinetStreamIOException failure(Runnable work) {
        return assertThrows(SinetStreamIOException.class, work::run);
    }

    private static SinetStreamIOException failure(AsyncMessageWriter<String> writer) {
        return (SinetStreamIOException) assertThrows(CompletionException.class, () -> writer.writeAsync("x").join()).getCause();
    }

    private static void is(SinetStreamIOException failure, Reason reason, Delivery delivery) {
        is(failure, reason, delivery, OptionalInt.empty());
    }

    private static void is(SinetStreamIOException failure, Reason reason, Delivery delivery, OptionalInt code) {
        assertSame(reason, failure.getReason(), failure::toString);
        assertSame(delivery, failure.getDelivery(), failure::toString);
        assertEquals(code, failure.getReasonCode(), failure::toString);
    }

    @Test
    void afterTheClose() {
        MessageReader<String> reader = Clients.textReader(BROKER.open(), topic).build().getReader();
        MessageWriter<String> writer = writer(BROKER.open()).build().getWriter();
        AsyncMessageWriter<String> asynchronous = writer(BROKER.open()).build().getAsyncWriter();
        List.of(reader, writer, asynchronous).forEach(MessageIO::close);
        is(failure(reader::read), Reason.CLOSED, null);
        is(failure(() -> writer.write("x")), Reason.CLOSED, Delivery.NOT_SENT);
        is(failure(asynchronous), Reason.CLOSED, Delivery.NOT_SENT);
    }

    @Test
    void aTimeThatIsUp() {
        try (ScriptedBroker broker = ScriptedBroker.neverAcknowledging();
                MessageWriter<String> writer = writer(broker.address()).parameter("write_timeout_ms", 50).build().getWriter();
                AsyncMessageWriter<String> full = writer(broker.address()).parameter("write_timeout_ms", 200)
                        .parameter("max_queued_messages", 1).build().getAsyncWriter()) {
            is(failure(() -> writer.write("x")), Reason.TIMED_OUT, Delivery.UNKNOWN);
            is(failure(writer::flush), Reason.TIMED_OUT, null);
            // the first message still occupies its identifier and its room
            is(failure(full), Reason.TIMED_OUT, Delivery.UNKNOWN);
            is(failure(full), Reason.TIMED_OUT, Delivery.NOT_SENT);
        } catch (SinetStreamIOException e) {
            is(e, Reason.CLOSED, null); // the close reports the undelivered message
        }
    }

    @Test
    void aMessageThatWaitedForAConnection() {
        ScriptedBroker broker = ScriptedBroker.neverAcknowledging();
        try (MessageWriter<String> writer = writer(broker.address()).parameter("write_timeout_ms", 200).build().getWriter()) {
            broker.close();
            Await.until("the connection is lost", () -> !writer.isConnected());
            is(failure(() -> writer.write("x")), Reason.TIMED_OUT, Delivery.NOT_SENT);
        }
    }

    @Test
    void anInterrupt() {
        try (ScriptedBroker broker = ScriptedBroker.neverAcknowledging();
                MessageReader<String> reader = Clients.textReader(broker.address(), topic).build().getReader()) {
            MessageWriter<String> writer = writer(broker.address()).build().getWriter();
            Background<?> writing = Background.run(() -> writer.write("x"));
            writing.awaitParked().thread().interrupt();
            is((SinetStreamIOException) writing.failure(Clients.RECEIVE_LIMIT), Reason.INTERRUPTED, Delivery.UNKNOWN);
            Background<?> reading = Background.call(reader::read);
            reading.awaitParked().thread().interrupt();
            is((SinetStreamIOException) reading.failure(Clients.RECEIVE_LIMIT), Reason.INTERRUPTED, null);
            Background<?> before = Background.run(() -> {
                Thread.currentThread().interrupt();
                writer.write("x");
            });
            is((SinetStreamIOException) before.failure(Clients.RECEIVE_LIMIT), Reason.INTERRUPTED, Delivery.NOT_SENT);
            assertThrows(SinetStreamIOException.class, writer::close);
        }
    }

    @Test
    void aConnectionThatIsLostForGood() {
        ScriptedBroker broker = ScriptedBroker.neverAcknowledging();
        MessageWriter<String> writer = writer(broker.address()).parameter("connect", NO_RECONNECT).build().getWriter();
        MessageReader<String> reader = Clients.textReader(broker.address(), topic).parameter("connect", NO_RECONNECT).build()
                .getReader();
        Background<?> pending = Background.run(() -> writer.write("x")).awaitParked();
        broker.awaitReceived(Packet.PUBLISH);
        broker.close();
        is((SinetStreamIOException) pending.failure(Clients.RECEIVE_LIMIT), Reason.CONNECTION_LOST, Delivery.UNKNOWN);
        is(failure(() -> writer.write("x")), Reason.CONNECTION_LOST, Delivery.NOT_SENT);
        is(failure(reader::read), Reason.CONNECTION_LOST, null);
        writer.close();
        reader.close();
    }

    @ParameterizedTest
    @ValueSource(ints = {0x87, 0x97})
    void aMessageThatTheBrokerRefuses(int code) {
        try (ScriptedBroker broker = ScriptedBroker.mqtt5(packet -> packet.type() != Packet.PUBLISH ? null
                : List.of(Packet.ack5(Packet.PUBACK, packet.id(), code, new PacketProperties())));
                MessageWriter<String> writer = writer(broker.address()).parameter("protocol", "MQTTv5").build().getWriter();
                AsyncMessageWriter<String> asynchronous = writer(broker.address()).parameter("protocol", "MQTTv5").build()
                        .getAsyncWriter()) {
            for (SinetStreamIOException failure : List.of(failure(() -> writer.write("x")), failure(asynchronous))) {
                assertEquals(code == 0x87, failure instanceof AuthorizationException);
                is(failure, Reason.REFUSED, Delivery.REFUSED, OptionalInt.of(code));
            }
        }
    }

    @Test
    void aMessageThatIsTooLarge() {
        PacketProperties most = new PacketProperties().with(PacketProperties.MAXIMUM_PACKET_SIZE, 200);
        try (ScriptedBroker broker = ScriptedBroker.mqtt5(packet -> packet.type() != Packet.CONNECT ? null
                : List.of(Packet.connack5(0, most)));
                MessageWriter<String> writer = writer(broker.address()).parameter("protocol", "MQTTv5").build().getWriter()) {
            is(failure(() -> writer.write("x".repeat(300))), Reason.TOO_LARGE, Delivery.NOT_SENT);
        }
    }

    @Test
    void aLoginOrASubscriptionThatIsRefused() {
        try (ScriptedBroker broker = ScriptedBroker.connack(5)) {
            SinetStreamIOException failure = failure(() -> writer(broker.address()).build().getWriter());
            assertSame(AuthenticationException.class, failure.getClass());
            is(failure, Reason.REFUSED, null, OptionalInt.of(5));
        }
        try (ScriptedBroker broker = ScriptedBroker.connack(3)) {
            SinetStreamIOException failure = failure(() -> writer(broker.address()).build().getWriter());
            assertSame(ConnectionException.class, failure.getClass());
            is(failure, Reason.REFUSED, null, OptionalInt.of(3));
        }
        try (ScriptedBroker broker = ScriptedBroker.neverAcknowledging(0x80)) {
            SinetStreamIOException failure = failure(() -> Clients.textReader(broker.address(), topic).build().getReader());
            assertSame(AuthorizationException.class, failure.getClass());
            is(failure, Reason.REFUSED, null, OptionalInt.of(0x80));
        }
    }

    @Test
    void aBrokerThatIsSilent() {
        try (ScriptedBroker broker = ScriptedBroker.silent()) {
            is(failure(() -> writer(broker.address()).parameter("connect", Map.of("connection_timeout", 0.1)).build().getWriter()),
                    Reason.TIMED_OUT, null);
        }
        try (ScriptedBroker broker = ScriptedBroker.mqtt5(packet -> packet.type() == Packet.PINGREQ ? List.of() : null);
                MessageWriter<String> writer = writer(broker.address()).parameter("protocol", "MQTTv5").build().getWriter()) {
            is(failure(() -> writer.ping(Duration.ofMillis(50))), Reason.TIMED_OUT, null);
        }
    }

    @Test
    void aSerializerThatFails() {
        try (MessageWriter<String> writer = writer(BROKER.open()).serializer(value -> {
            throw new IllegalStateException("on purpose");
        }).build().getWriter()) {
            is(failure(() -> writer.write("x")), Reason.OTHER, Delivery.NOT_SENT);
        }
    }

    /** The plugin had the message, and does not report its fate. */
    @Test
    void aPluginThatFails() {
        OutputStream broken = new OutputStream() {
            @Override
            public void write(int each) throws IOException {
                throw new IOException("on purpose");
            }
        };
        MessageWriterFactory<String> writers = MessageWriterFactory.<String>builder().noConfig(true).type("iostream")
                .valueType(SimpleValueType.TEXT).parameter("user_data_only", true)
                .parameter("iostream", Map.of("output_stream", broken)).build();
        try (MessageWriter<String> writer = writers.getWriter(); AsyncMessageWriter<String> asynchronous = writers.getAsyncWriter()) {
            is(failure(() -> writer.write("x")), Reason.OTHER, Delivery.UNKNOWN);
            is(failure(asynchronous), Reason.OTHER, Delivery.UNKNOWN);
        }
    }

    /** Plugins may set these parts, too. */
    @Test
    void whatIsToldIsKept() {
        SinetStreamIOException failure = new SinetStreamIOException("x");
        is(failure, Reason.OTHER, null);
        is(failure.with(Reason.REFUSED, Delivery.REFUSED).withReasonCode(7), Reason.REFUSED, Delivery.REFUSED, OptionalInt.of(7));
    }
}
