package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.ConnectException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;

import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Background;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.LogCapture;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Proxy;
import jp.ad.sinet.stream.testing.ScriptedBroker;
import jp.ad.sinet.stream.utils.MessageReaderFactory.MessageReaderFactoryBuilder;
import jp.ad.sinet.stream.utils.MessageWriterFactory.MessageWriterFactoryBuilder;

/** Reconnecting after a lost connection, and the events and log entries for it. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class ReconnectTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    private static final Duration LIMIT = Duration.ofSeconds(20);
    private static final Map<String, Object> QUICKLY = Map.of("min_delay", 0.02, "max_delay", 0.1);

    private final String topic = Clients.topic();
    private final BlockingQueue<ConnectionEvent> events = new LinkedBlockingQueue<>();
    private Proxy proxy;

    @BeforeEach
    void startProxy() throws IOException {
        proxy = new Proxy(BROKER.openPort());
    }

    @AfterEach
    void closeProxy() throws IOException {
        proxy.close();
    }

    private MessageWriterFactoryBuilder<String> writer(String brokers) {
        return Clients.textWriter(brokers, topic).consistency(Consistency.AT_LEAST_ONCE)
                .parameter("reconnect_delay", QUICKLY);
    }

    private MessageReaderFactoryBuilder<String> reader(String brokers) {
        return Clients.textReader(brokers, topic).consistency(Consistency.AT_LEAST_ONCE)
                .parameter("reconnect_delay_set", QUICKLY);
    }

    private ConnectionEvent await(ConnectionEvent.Type type) throws InterruptedException {
        return await(event -> event.getType() == type);
    }

    private ConnectionEvent await(Predicate<ConnectionEvent> wanted) throws InterruptedException {
        return Await.next(LIMIT, events, wanted);
    }

    private static Object info(MessageIO client, String name) {
        return client.getInfo("connection." + name);
    }

    @Test
    void writersAndReadersComeBack() throws Exception {
        try (MessageReader<String> reader = reader(proxy.address()).build().getReader();
                MessageWriter<String> writer = writer(proxy.address()).connectionListener(events::add).build().getWriter();
                LogCapture log = new LogCapture()) {
            assertEquals("127.0.0.1:" + proxy.address().split(":")[1], await(ConnectionEvent.Type.CONNECTED).getBroker());
            writer.write("before");
            assertEquals("before", reader.read().getValue());
            proxy.cut();
            assertInstanceOf(SinetStreamIOException.class, await(ConnectionEvent.Type.LOST).getCause());
            ConnectionEvent retrying = await(ConnectionEvent.Type.RETRYING);
            assertTrue(retrying.getDelay().toMillis() <= 20, retrying::toString);
            await(ConnectionEvent.Type.CONNECTED);
            Await.until("the reader is back", reader::isConnected);
            reader.ping(LIMIT); // when it answers, the reader is subscribed
            writer.write("after");
            assertEquals("after", reader.read().getValue());
            assertEquals(1L, info(writer, "reconnects"));
            assertEquals(info(writer, "reconnects"), ((Map<?, ?>) writer.getMetrics().getRaw()).get("reconnects"));
            assertTrue(log.warnings().stream().anyMatch(line -> line.contains("is lost")), () -> log.warnings().toString());
        }
        await(ConnectionEvent.Type.CLOSED);
        assertTrue(events.isEmpty(), events::toString);
    }

    @Test
    void whatStandsInTheWayIsToldInTheEventTheLogAndTheWriteThatTimesOut() throws Exception {
        try (MessageWriter<String> writer = writer(proxy.address()).parameter("write_timeout_ms", 500)
                .connectionListener(events::add).build().getWriter();
                AsyncMessageWriter<String> async = writer(proxy.address()).parameter("write_timeout_ms", 500).build()
                        .getAsyncWriter();
                LogCapture log = new LogCapture()) {
            proxy.close();
            ConnectionEvent refused = await(event -> event.getCause() instanceof ConnectionException);
            assertEquals(ConnectionEvent.Type.RETRYING, refused.getType());
            assertInstanceOf(ConnectException.class, refused.getCause().getCause());
            Await.until("the other one has tried, too", () -> log.warnings().stream()
                    .filter(line -> line.contains("refused")).count() >= 2);

            SinetStreamIOException late = assertThrows(SinetStreamIOException.class, () -> writer.write("late"));
            assertTrue(late.getMessage().contains("was not sent"), late::getMessage);
            assertTrue(late.getMessage().contains("refused"), late::getMessage);
            assertInstanceOf(ConnectionException.class, late.getCause());
            assertInstanceOf(ConnectException.class, late.getCause().getCause());

            BlockingQueue<Throwable> failures = new LinkedBlockingQueue<>();
            async.write("late, too").fail(failures::add);
            Throwable failure = failures.poll(LIMIT.toSeconds(), TimeUnit.SECONDS);
            assertInstanceOf(ConnectionException.class, failure.getCause(), () -> String.valueOf(failure));

            // Many attempts have failed meanwhile, for the same reason.
            assertEquals(2, log.warnings().stream().filter(line -> line.contains("refused")).count(),
                    () -> log.warnings().toString());
        }
    }

    @Test
    void aWriteWaitsForARestartedBroker() throws Exception {
        try (MessageWriter<String> writer = writer(proxy.address()).build().getWriter();
                MessageReader<String> reader = reader(proxy.address()).build().getReader()) {
            writer.write("one");
            assertEquals("one", reader.read().getValue());
            BROKER.stop();
            Background<Void> writing = Background.run(() -> writer.write("two"));
            Await.until("the write waits", () -> info(writer, "outbox_messages").equals(1L));
            Await.until("the reader has noticed", () -> !reader.isConnected());
            BROKER.start();
            proxy.target(BROKER.openPort());
            writing.get(LIMIT);
            Await.until("the reader is back", reader::isConnected);
            reader.ping(LIMIT);
            writer.write("three");
            String value = reader.read().getValue();
            assertEquals("three", value.equals("two") ? reader.read().getValue() : value);
        }
    }

    @Test
    void aLoginRefusedOnTheWayBackEndsTheClient() throws Exception {
        proxy.target(Integer.parseInt(BROKER.login().split(":")[1]));
        Map<String, Object> user = Map.of("username", "user03", "password", Broker.password("user03"));
        try (MessageWriter<String> writer = writer(proxy.address()).parameter("username_pw_set", user)
                .connectionListener(events::add).build().getWriter();
                MessageReader<String> reader = reader(proxy.address()).parameter("username_pw_set", user).build().getReader()) {
            writer.write("hello");
            assertEquals("hello", reader.read().getValue());
            BROKER.setPassword("user03", "another");
            BROKER.reload();
            int refused = BROKER.occurrences("not authorised");
            proxy.shut(true);
            Background<Void> writing = Background.run(() -> writer.write("lost"));
            Background<Message<String>> reading = Background.call(reader::read);
            Await.until("the write waits", () -> info(writer, "outbox_messages").equals(1L));
            proxy.shut(false);
            for (Background<?> call : List.of(writing, reading)) {
                Throwable failure = call.failure(LIMIT);
                assertInstanceOf(AuthenticationException.class, failure);
                assertTrue(failure.getMessage().contains("code 5"), failure::getMessage);
                assertFalse(failure.getMessage().contains(Broker.password("user03")), failure::getMessage);
            }
            assertThrows(AuthenticationException.class, () -> writer.write("later"));
            assertThrows(AuthenticationException.class, reader::read);
            assertThrows(AuthenticationException.class, () -> writer.ping(LIMIT));
            assertInstanceOf(AuthenticationException.class, await(ConnectionEvent.Type.ENDED).getCause());
            assertFalse(writer.isConnected());
            // Mosquitto logs a refusal after it has answered.
            Await.until("both refusals are logged", () -> BROKER.occurrences("not authorised") >= refused + 2);
            assertEquals(refused + 2, BROKER.occurrences("not authorised"), "one attempt of each");
        } finally {
            BROKER.setPassword("user03", Broker.password("user03"));
            BROKER.reload();
        }
    }

    @Test
    void aListOfBrokersIsTriedInOrder() throws Exception {
        List<String> brokers = List.of("127.0.0.1:1", proxy.address(), BROKER.open());
        try (MessageWriter<String> writer = writer("x").parameter("brokers", brokers).connectionListener(events::add)
                .build().getWriter()) {
            assertEquals(proxy.address(), await(ConnectionEvent.Type.CONNECTED).getBroker());
            proxy.shut(true);
            assertEquals(BROKER.open(), await(ConnectionEvent.Type.CONNECTED).getBroker());
            writer.write("x");
        }
    }

    @Test
    void whileTheBrokerIsAwayTimeLimitsHold() {
        try (MessageWriter<String> writer = writer(proxy.address()).parameter("write_timeout_ms", 200).build().getWriter();
                MessageReader<String> reader = reader(proxy.address()).receiveTimeout(Duration.ofMillis(200)).build()
                        .getReader()) {
            proxy.shut(true);
            Await.until("both have noticed", () -> !writer.isConnected() && !reader.isConnected());
            SinetStreamIOException failure = assertThrows(SinetStreamIOException.class, () -> writer.write("x"));
            assertTrue(failure.getMessage().contains("was not sent"), failure::getMessage);
            assertNull(reader.read());
            assertThrows(ConnectionException.class, () -> writer.ping(LIMIT));
            Background<Message<String>> reading = Background.call(() -> {
                Message<String> message = null;
                while (message == null) {
                    message = reader.read();
                }
                return message;
            });
            reading.awaitParked().thread().interrupt();
            assertInstanceOf(InterruptedException.class, reading.failure(LIMIT).getCause());
        }
    }

    @Test
    void flushWaitsForOtherThreads() {
        try (ScriptedBroker broker = ScriptedBroker.neverAcknowledging();
                MessageWriter<String> writer = writer(broker.address()).parameter("write_timeout_ms", 500)
                        .parameter("close_timeout_ms", 100).build().getWriter()) {
            writer.flush();
            Background<Void> writing = Background.run(() -> writer.write("x"));
            Await.until("the write waits", () -> info(writer, "in_flight").equals(1L));
            assertThrows(SinetStreamIOException.class, writer::flush);
            assertInstanceOf(SinetStreamIOException.class, writing.failure(LIMIT));
            // The message was sent and never confirmed.
            SinetStreamIOException failure = assertThrows(SinetStreamIOException.class, writer::close);
            assertTrue(failure.getMessage().contains("1 message"), failure::getMessage);
        }
    }

    @Test
    void aListenerMayWriteAndClose() throws Exception {
        BlockingQueue<MessageWriter<String>> self = new LinkedBlockingQueue<>();
        MessageWriter<String> writer = writer(proxy.address()).connectionListener(event -> {
            events.add(event);
            if (event.getType() == ConnectionEvent.Type.LOST) {
                MessageWriter<String> me = self.remove();
                me.write("from the listener");
                me.close();
            }
            throw new IllegalStateException("on purpose");
        }).build().getWriter();
        self.add(writer);
        await(ConnectionEvent.Type.CONNECTED);
        proxy.cut();
        await(ConnectionEvent.Type.CLOSED);
        assertThrows(SinetStreamIOException.class, () -> writer.write("closed"));
        assertEquals(1, writer.getMetrics().getMsgCountTotal());
    }
}
