package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.LogRecord;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import jp.ad.sinet.stream.engine.boundary.EngineAccess;
import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Background;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.LogCapture;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Packet;
import jp.ad.sinet.stream.testing.ScriptedBroker;
import jp.ad.sinet.stream.utils.MessageReaderFactory.MessageReaderFactoryBuilder;
import jp.ad.sinet.stream.utils.MessageWriterFactory.MessageWriterFactoryBuilder;

/** Opening, closing, interrupts, time limits, lost connections. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class LifecycleTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    /**
     * The limit of operations that complete at once: generous for a busy machine, and short compared with the library's
     * limits.
     */
    private static final Duration AT_ONCE = Duration.ofSeconds(3);
    private static final Map<String, Object> NO_RECONNECT = Map.of("automatic_reconnect", false);

    private final String topic = Clients.topic();
    private final List<Integer> handles = new CopyOnWriteArrayList<>();

    private MessageWriterFactoryBuilder<String> writer(String brokers) {
        return Clients.textWriter(brokers, topic).consistency(Consistency.AT_LEAST_ONCE)
                .parameter("connect", NO_RECONNECT);
    }

    private MessageReaderFactoryBuilder<String> reader(String brokers) {
        return Clients.textReader(brokers, topic).consistency(Consistency.AT_LEAST_ONCE)
                .parameter("connect", NO_RECONNECT).receiveTimeout(Duration.ofSeconds(50));
    }

    private static <T extends Throwable> T failure(Class<T> type, Background<?> call) {
        Throwable failure = call.failure(AT_ONCE);
        assertSame(type, failure.getClass(), failure::toString);
        return type.cast(failure);
    }

    private static void contains(Throwable failure, String... parts) {
        for (String part : parts) {
            assertTrue(failure.getMessage().contains(part), failure::getMessage);
        }
    }

    private static void interrupted(Background<?> call, Throwable failure) {
        assertInstanceOf(InterruptedException.class, failure.getCause());
        assertTrue(call.interruptedAtEnd(), "the interrupt flag is gone");
    }

    // ---- close

    @Test
    @SuppressWarnings("try")
    void closedClientsRefuseAndStillTell() {
        MessageWriter<String> writer = writer(BROKER.open()).build().getWriter();
        MessageReader<String> reader = reader(BROKER.open()).build().getReader();
        for (MessageIO client : List.of(writer, reader)) {
            client.close();
            client.close();
            String name = "Client " + client.getClientId();
            Await.until("DISCONNECT", () -> BROKER.occurrences(name + " disconnected") == 1);
            assertEquals(topic, client.getTopic());
            assertEquals(0, client.getMetrics().getErrorCountTotal());
            client.resetMetrics();
            assertFalse(client.getConfig().isEmpty());
            assertFalse(client.toString().isEmpty());
        }
        contains(assertThrows(SinetStreamIOException.class, () -> writer.write("x")), "closed");
        contains(assertThrows(SinetStreamIOException.class, () -> writer.write("x", 1)), "closed");
        contains(assertThrows(SinetStreamIOException.class, reader::read), "closed");
        contains(assertThrows(SinetStreamIOException.class, () -> reader.stream().count()), "closed");
        assertThrows(SinetStreamIOException.class, () -> reader.debugInjectMsgBytes(new byte[0], "t", null));
        assertNull(writer.getDebugLastMsgBytes());
        assertEquals(0, EngineAccess.liveHandles());
    }

    @Test
    void closeWakesABlockedRead() {
        MessageReader<String> reader = reader(BROKER.open()).build().getReader();
        List<Background<Message<String>>> reading = List.of(Background.call(reader::read).awaitParked(),
                Background.call(reader::read));
        Background.run(reader::close).get(AT_ONCE);
        reading.forEach(each -> contains(failure(SinetStreamIOException.class, each), "closed"));
    }

    @Test
    void closeWakesABlockedWrite() {
        try (ScriptedBroker broker = ScriptedBroker.neverAcknowledging()) {
            MessageWriter<String> writer = writer(broker.address()).build().getWriter();
            Background<Void> writing = Background.run(() -> writer.write("x")).awaitParked();
            Background<Void> closing = Background.run(writer::close).awaitParked();
            contains(failure(SinetStreamIOException.class, writing), "closed", "may or may not have been delivered");
            assertFalse(closing.isDone(), "close waits for the confirmation");
            writer.close(); // does nothing, and does not wait either
            closing.thread().interrupt();
            closing.get(AT_ONCE);
            assertTrue(closing.interruptedAtEnd());
        }
        assertEquals(0, EngineAccess.liveHandles());
    }

    @Test
    void closeTellsWhatIsNotDelivered() {
        try (ScriptedBroker broker = ScriptedBroker.neverAcknowledging()) {
            MessageWriter<String> writer = writer(broker.address()).build().getWriter();
            Background<Void> writing = Background.run(() -> writer.write("x")).awaitParked();
            Background<Void> closing = Background.run(writer::close).awaitParked();
            writing.failure(AT_ONCE);
            broker.closeConnections();
            contains(failure(SinetStreamIOException.class, closing), "1 message", "could not be delivered");
            assertEquals(0, EngineAccess.liveHandles());
        }
    }

    @Test
    void closeSendsWhatWasWritten() {
        int count = 2000;
        try (MessageReader<String> reader = reader(BROKER.open()).build().getReader()) {
            try (MessageWriter<String> writer = writer(BROKER.open()).consistency(Consistency.AT_MOST_ONCE).build()
                    .getWriter()) {
                IntStream.range(0, count).forEach(i -> writer.write(String.valueOf(i)));
            }
            assertEquals(IntStream.range(0, count).mapToObj(String::valueOf).collect(Collectors.toList()),
                    reader.stream().limit(count).map(Message::getValue).collect(Collectors.toList()));
        }
    }

    @ParameterizedTest
    @EnumSource(Consistency.class)
    void closeMayRaceWithUse(Consistency consistency) {
        for (int round = 0; round < 10; round++) {
            MessageWriter<String> writer = writer(BROKER.open()).consistency(consistency).build().getWriter();
            MessageReader<String> reader = reader(BROKER.open()).consistency(consistency).build().getReader();
            List<Background<?>> users = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                users.add(Background.run(() -> {
                    while (true) {
                        writer.write("x");
                    }
                }));
                users.add(Background.run(() -> {
                    while (true) {
                        reader.read();
                    }
                }));
            }
            Await.until("messages", () -> reader.getMetrics().getMsgCountTotal() > 20);
            for (MessageIO client : List.of(writer, reader)) {
                List.of(Background.run(client::close), Background.run(client::close))
                        .forEach(closing -> closing.get(AT_ONCE));
            }
            users.forEach(each -> contains(failure(SinetStreamIOException.class, each), "closed"));
        }
        assertEquals(0, EngineAccess.liveHandles());
    }

    @Test
    void forgottenClientIsReleased() {
        try (LogCapture log = new LogCapture()) {
            String id = openAndForget();
            Await.until("the cleaner", () -> {
                System.gc();
                return EngineAccess.liveHandles() == 0;
            });
            Await.until("the end of the connection", () -> BROKER.occurrences("Client " + id + " ") > 0);
            Await.until("the warning, which comes after the release", () -> !log.warnings().isEmpty());
            assertEquals(1, log.warnings().size(), log.warnings()::toString);
            assertTrue(log.warnings().get(0).contains("never closed"), log.warnings()::toString);
        }
    }

    @Test
    void forgottenClientIsReleasedWhateverTheLogDoes() {
        LogCapture failing = new LogCapture() {
            @Override
            public void publish(LogRecord each) {
                // This is reported after the release, which no failure could prevent here. The test goes on when it sees the
                // warning.
                handles.add(EngineAccess.liveHandles());
                super.publish(each);
                throw new IllegalStateException("of the log");
            }
        };
        try (failing) {
            openAndForget();
            Await.until("the cleaner", () -> {
                System.gc();
                return failing.warnings().size() == 1;
            });
        }
        assertEquals(List.of(0), handles);
    }

    private String openAndForget() {
        MessageWriter<String> writer = writer(BROKER.open()).build().getWriter();
        writer.write("x");
        return writer.getClientId();
    }

    @Test
    void readerInUseIsNotForgotten() {
        try (LogCapture log = new LogCapture();
                MessageWriter<String> writer = writer(BROKER.open()).build().getWriter()) {
            Background<Message<String>> reading = Background.call(openToRead()).awaitParked();
            for (int i = 0; i < 5; i++) {
                System.gc();
            }
            assertEquals(List.of(), log.warnings());
            writer.write("x");
            assertEquals("x", reading.get(AT_ONCE).getValue());
            Await.until("the cleaner", () -> {
                System.gc();
                return EngineAccess.liveHandles() == 1;
            });
        }
    }

    private Callable<Message<String>> openToRead() {
        return () -> reader(BROKER.open()).build().getReader().read();
    }

    // ---- interrupts

    @Test
    void interruptEndsRead() {
        try (MessageReader<String> reader = reader(BROKER.open()).build().getReader();
                MessageWriter<String> writer = writer(BROKER.open()).build().getWriter()) {
            Background<Message<String>> reading = Background.call(reader::read).awaitParked();
            reading.thread().interrupt();
            SinetStreamIOException e = failure(SinetStreamIOException.class, reading);
            contains(e, "interrupted");
            interrupted(reading, e);
            writer.write("later");
            assertEquals("later", reader.read().getValue());
        }
    }

    @ParameterizedTest
    @EnumSource(value = Consistency.class, names = {"AT_LEAST_ONCE", "EXACTLY_ONCE"})
    void interruptEndsWrite(Consistency consistency) {
        try (ScriptedBroker broker = ScriptedBroker.neverAcknowledging()) {
            MessageWriter<String> writer = writer(broker.address()).consistency(consistency).build().getWriter();
            Background<Void> writing = Background.run(() -> writer.write("x")).awaitParked();
            writing.thread().interrupt();
            SinetStreamIOException e = failure(SinetStreamIOException.class, writing);
            contains(e, "interrupted", "may or may not have been delivered");
            interrupted(writing, e);
            broker.closeConnections();
            assertThrows(SinetStreamIOException.class, () -> {
                while (true) {
                    writer.write("until it is noticed");
                }
            });
            closeQuietly(writer);
        }
    }

    private static void closeQuietly(MessageIO client) {
        try {
            client.close();
        } catch (SinetStreamIOException e) {
            contains(e, "could not be delivered");
        }
    }

    @Test
    void interruptEndsOpening() {
        try (ScriptedBroker broker = ScriptedBroker.silent()) {
            List<Background<MessageIO>> openings = List.of(
                    Background.call(() -> writer(broker.address()).build().getWriter()),
                    Background.call(() -> reader(broker.address()).build().getReader()));
            for (Background<MessageIO> opening : openings) {
                opening.awaitParked().thread().interrupt();
                ConnectionException e = failure(ConnectionException.class, opening);
                contains(e, "interrupted");
                interrupted(opening, e);
            }
            assertEquals(0, EngineAccess.liveHandles());
        }
    }

    @Test
    void interruptedThreadDoesNotEvenBegin() {
        try (ScriptedBroker broker = ScriptedBroker.neverAcknowledging();
                MessageWriter<String> writer = writer(broker.address()).build().getWriter();
                MessageReader<String> reader = reader(broker.address()).build().getReader()) {
            for (Runnable action : List.<Runnable>of(() -> writer.write("x"), reader::read)) {
                Background<Void> call = Background.run(() -> {
                    Thread.currentThread().interrupt();
                    action.run();
                });
                interrupted(call, failure(SinetStreamIOException.class, call));
            }
            Background<MessageIO> opening = Background.call(() -> {
                Thread.currentThread().interrupt();
                return writer(broker.address()).build().getWriter();
            });
            interrupted(opening, failure(ConnectionException.class, opening));
            assertEquals(2, broker.connections());
            assertEquals(0, broker.received(Packet.PUBLISH));
        }
    }

    // ---- time limits

    @Test
    void writeTimeoutIsHonoured() {
        long limit = 300;
        try (ScriptedBroker broker = ScriptedBroker.neverAcknowledging()) {
            MessageWriter<String> writer = writer(broker.address()).parameter("write_timeout_ms", limit).build()
                    .getWriter();
            long start = System.nanoTime();
            SinetStreamIOException e = assertThrows(SinetStreamIOException.class, () -> writer.write("x"));
            Duration took = Duration.ofNanos(System.nanoTime() - start);
            assertTrue(took.toMillis() >= limit && took.compareTo(AT_ONCE) < 0, took::toString);
            contains(e, "300 ms", "not confirmed", "may have been delivered");
            assertEquals(1, writer.getMetrics().getErrorCountTotal());
            assertEquals(0, writer.getMetrics().getMsgCountTotal());
            broker.closeConnections();
            closeQuietly(writer);
        }
    }

    private static void assertConnectionTimeout(Callable<? extends MessageIO> open, String step) {
        long start = System.nanoTime();
        ConnectionException e = assertThrows(ConnectionException.class, () -> open.call().close());
        Duration took = Duration.ofNanos(System.nanoTime() - start);
        assertTrue(took.toMillis() >= 400 && took.compareTo(AT_ONCE) < 0, took::toString);
        contains(e, "500ms", step);
        assertEquals(0, EngineAccess.liveHandles());
    }

    @Test
    void connectionTimeoutIsHonoured() {
        Map<String, Object> connect = Map.of("connection_timeout", 0.5);
        try (ScriptedBroker broker = ScriptedBroker.silent()) {
            assertConnectionTimeout(() -> writer(broker.address()).parameter("connect", connect).build().getWriter(),
                    broker.address());
            assertConnectionTimeout(() -> reader(broker.address()).parameter("connect", connect).build().getReader(),
                    broker.address());
            assertConnectionTimeout(() -> writer(broker.address()).parameter("connect", connect).parameter("tls", true)
                    .build().getWriter(), broker.address());
        }
        try (ScriptedBroker broker = ScriptedBroker.connack(0)) {
            assertConnectionTimeout(() -> reader(broker.address()).parameter("connection_timeout", "0.5").build()
                    .getReader(), "SUBSCRIBE");
        }
    }

    @Test
    void silenceOfTheBrokerIsNoticed() {
        try (ScriptedBroker broker = ScriptedBroker.connack(0)) {
            MessageWriter<String> writer = writer(broker.address())
                    .parameter("connect", Map.of("keepalive", 1, "automatic_reconnect", false)).build().getWriter();
            Background<Void> writing = Background.run(() -> writer.write("x"));
            Throwable failure = writing.failure(Duration.ofSeconds(6));
            assertInstanceOf(SinetStreamIOException.class, failure);
            contains(failure, "keep-alive", broker.address());
            assertEquals(1, broker.received(Packet.PINGREQ));
            closeQuietly(writer);
        }
    }

    // ---- no connection, or a lost one

    @Test
    void unreachableBrokerIsAConnectionException() throws IOException {
        int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"))) {
            port = free.getLocalPort();
        }
        for (String address : List.of("127.0.0.1:" + port, "localhost:" + port)) {
            ConnectionException e = assertThrows(ConnectionException.class,
                    () -> writer(address).build().getWriter().close());
            contains(e, address, "TCP");
        }
        ConnectionException e = assertThrows(ConnectionException.class,
                () -> reader("no-such-host.invalid").parameter("connection_timeout", 5).build().getReader().close());
        contains(e, "no-such-host.invalid:1883");
        assertEquals(0, EngineAccess.liveHandles());
    }

    @Test
    void hangUpDuringTheOpening() {
        try (ScriptedBroker broker = new ScriptedBroker(ScriptedBroker.Connection::read)) {
            contains(assertThrows(ConnectionException.class,
                    () -> writer(broker.address()).build().getWriter().close()), broker.address(), "CONNECT");
        }
        try (ScriptedBroker broker = new ScriptedBroker(connection -> {
            connection.read();
            connection.send(Packet.of(Packet.CONNACK, 0, 0));
            connection.read();
        })) {
            contains(assertThrows(SinetStreamIOException.class,
                    () -> reader(broker.address()).build().getReader().close()), broker.address());
        }
        assertEquals(0, EngineAccess.liveHandles());
    }

    @Test
    void refusedSubscriptionIsAnAuthorizationException() {
        try (ScriptedBroker broker = ScriptedBroker.neverAcknowledging(0x80)) {
            AuthorizationException e = assertThrows(AuthorizationException.class,
                    () -> reader(broker.address()).build().getReader().close());
            contains(e, topic, broker.address(), "0x80");
        }
        assertEquals(0, EngineAccess.liveHandles());
    }

    @Test
    void whatIsToBeDoneAtTheCloseIsDoneOnce() {
        List<String> done = new CopyOnWriteArrayList<>();
        try (LogCapture log = new LogCapture()) {
            MessageWriter<String> writer = Clients.textWriter(BROKER.open(), Clients.topic()).build().getWriter();
            writer.onClose(() -> done.add("first"));
            writer.onClose(() -> {
                throw new IllegalStateException("on purpose");
            });
            writer.onClose(() -> done.add("second"));
            assertEquals(List.of(), done);
            writer.close();
            writer.close();
            assertEquals(List.of("first", "second"), done);
            writer.onClose(() -> done.add("late"));
            assertEquals(List.of("first", "second", "late"), done);
            assertEquals(1, log.warnings().size(), log.warnings()::toString);
        }
    }

    @Test
    void lostConnectionEndsWhatWaits() {
        try (ScriptedBroker broker = ScriptedBroker.neverAcknowledging()) {
            MessageWriter<String> writer = writer(broker.address()).build().getWriter();
            MessageReader<String> reader = reader(broker.address()).build().getReader();
            Background<Void> writing = Background.run(() -> writer.write("x")).awaitParked();
            Background<Message<String>> reading = Background.call(reader::read).awaitParked();
            broker.awaitReceived(Packet.PUBLISH);
            broker.closeConnections();
            for (Background<?> call : List.of(writing, reading)) {
                contains(failure(SinetStreamIOException.class, call), "lost", broker.address());
            }
            for (int i = 0; i < 2; i++) {
                contains(assertThrows(SinetStreamIOException.class, () -> writer.write("x")), "lost");
                contains(assertThrows(SinetStreamIOException.class, reader::read), "lost");
            }
            assertEquals(2, broker.connections());
            closeQuietly(writer);
            reader.close();
        }
    }

    @Test
    void killedBroker() throws IOException {
        MessageWriter<String> writer = writer(BROKER.open()).build().getWriter();
        MessageReader<String> reader = reader(BROKER.open()).build().getReader();
        writer.write("x");
        assertEquals("x", reader.read().getValue());
        writer.write("y");
        Background<Message<String>> waiting = Background.call(() -> {
            assertEquals("y", reader.read().getValue());
            return reader.read();
        });
        Await.until("y", () -> reader.getMetrics().getMsgCountTotal() == 2);
        BROKER.stop();
        try {
            contains(failure(SinetStreamIOException.class, waiting), "lost");
            assertThrows(SinetStreamIOException.class, () -> {
                while (true) { // messages that are written before the end is noticed may be reported in another way
                    writer.write("z");
                }
            });
            Background.run(writer::close).get(AT_ONCE);
            Background.run(reader::close).get(AT_ONCE);
        } finally {
            BROKER.start();
        }
    }

    @Test
    void nonsenseFromTheBrokerEndsTheConnection() {
        List<Packet> nonsense = List.of(Packet.of(0), Packet.of(15, 1), Packet.of(Packet.CONNACK, 0, 0),
                Packet.of(Packet.PUBLISH, 0, 5, 'a'), Packet.of(Packet.PUBACK, 0, 0, 0), new Packet(3, 6,
                        new byte[] {0, 1, 'a', 0, 1}));
        for (Packet each : nonsense) {
            try (ScriptedBroker broker = new ScriptedBroker(connection -> {
                connection.read();
                connection.send(Packet.of(Packet.CONNACK, 0, 0));
                byte[] subscribe = connection.read().body();
                connection.send(Packet.of(Packet.SUBACK, subscribe[0], subscribe[1], 0));
                connection.send(each);
                while (true) {
                    connection.read();
                }
            }); MessageReader<String> reader = reader(broker.address()).build().getReader()) {
                SinetStreamIOException e = failure(SinetStreamIOException.class, Background.call(reader::read));
                contains(e, "lost", broker.address());
            }
        }
    }

    @Test
    void takenOverSessionEnds() {
        try (MessageReader<String> first = reader(BROKER.open()).clientId("twin").build().getReader()) {
            Background<Message<String>> reading = Background.call(first::read).awaitParked();
            try (MessageReader<String> second = reader(BROKER.open()).clientId("twin").build().getReader();
                    MessageWriter<String> writer = writer(BROKER.open()).build().getWriter()) {
                contains(failure(SinetStreamIOException.class, reading), "lost");
                writer.write("x");
                assertEquals("x", second.read().getValue());
            }
        }
    }

    // ---- acknowledgements and sessions

    @Test
    void onlyWhatWasReadIsAcknowledged() {
        byte[] body = "hello".getBytes(StandardCharsets.UTF_8);
        byte[] wire = Clients.wire(body);
        try (ScriptedBroker broker = new ScriptedBroker(connection -> {
            connection.read();
            connection.send(Packet.of(Packet.CONNACK, 0, 0));
            byte[] subscribe = connection.read().body();
            connection.send(Packet.of(Packet.SUBACK, subscribe[0], subscribe[1], 1));
            for (int id = 1; id <= 3; id++) {
                connection.send(Packet.publish(topic, id, id == 2 ? new byte[0] : wire));
            }
            while (true) {
                connection.read();
            }
        }); MessageReader<String> reader = reader(broker.address()).build().getReader()) {
            assertEquals("hello", reader.read().getValue());
            Await.until("an acknowledgement", () -> broker.received(Packet.PUBACK) == 1);
            assertThrows(InvalidMessageException.class, reader::read);
            Await.until("an acknowledgement", () -> broker.received(Packet.PUBACK) == 2);
            assertEquals("hello", reader.read().getValue());
            Await.until("an acknowledgement", () -> broker.received(Packet.PUBACK) == 3);
        }
    }

    @Test
    void keptSessionHoldsMessages() {
        MessageReaderFactoryBuilder<String> builder = reader(BROKER.open()).clientId("keeper")
                .parameter("clean_session", false);
        builder.build().getReader().close();
        try (MessageWriter<String> writer = writer(BROKER.open()).build().getWriter()) {
            writer.write("while away");
        }
        try (MessageReader<String> reader = builder.build().getReader()) {
            assertEquals("while away", reader.read().getValue());
        }
        // This client ends the session.
        reader(BROKER.open()).clientId("keeper").parameter("clean_session", true).build().getReader().close();
        try (MessageReader<String> reader = reader(BROKER.open()).clientId("keeper")
                .receiveTimeout(Duration.ofMillis(100)).build().getReader()) {
            assertNull(reader.read());
        }
    }

    @Test
    void manyClientsOpenAndCloseInParallel() {
        int threads = 8;
        List<Background<Void>> users = new ArrayList<>();
        for (int thread = 0; thread < threads; thread++) {
            String own = Clients.topic();
            users.add(Background.run(() -> {
                for (int i = 0; i < 10; i++) {
                    try (MessageReader<String> reader = Clients.textReader(BROKER.open(), own).build().getReader();
                            MessageWriter<String> writer = Clients.textWriter(BROKER.open(), own).build()
                                    .getWriter()) {
                        writer.write(own + i);
                        assertEquals(own + i, reader.read().getValue());
                    }
                }
            }));
        }
        users.forEach(user -> user.get(Duration.ofSeconds(20)));
        assertEquals(0, EngineAccess.liveHandles());
    }
}
