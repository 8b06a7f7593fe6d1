package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Proxy;
import jp.ad.sinet.stream.utils.MessageWriterFactory.MessageWriterFactoryBuilder;

/** The outbox on disk. */
@Timeout(120)
@ExtendWith(NoLeaks.class)
class OutboxTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    private static final Duration LIMIT = Duration.ofSeconds(20);

    private final String topic = Clients.topic();
    @TempDir
    Path directory;
    private Proxy proxy;
    private MessageReader<String> reader;

    @BeforeEach
    void start() throws IOException {
        proxy = new Proxy(BROKER.openPort());
        reader = Clients.textReader(BROKER.open(), topic).consistency(Consistency.AT_LEAST_ONCE).build().getReader();
    }

    @AfterEach
    void close() throws IOException {
        reader.close();
        proxy.close();
    }

    private MessageWriterFactoryBuilder<String> writer(String accept) {
        return Clients.textWriter(proxy.address(), topic).consistency(Consistency.AT_LEAST_ONCE).clientId("sensor")
                .parameter("reconnect_delay", Map.of("min_delay", 0.02, "max_delay", 0.1))
                .parameter("outbox", Map.of("directory", directory.toString(), "accept", accept));
    }

    private void disconnect(MessageIO writer) {
        proxy.shut(true);
        Await.until("the loss is noticed", () -> writer.getInfo("connection.connected").equals(false));
    }

    private static Object info(MessageIO writer, String name) {
        return writer.getInfo("connection." + name);
    }

    private void assertArrives(String... values) {
        for (String value : values) {
            assertEquals(value, reader.read().getValue());
        }
    }

    @Test
    void whatTheDiskHasIsSentLater() {
        try (MessageWriter<String> writer = writer("disk").build().getWriter()) {
            disconnect(writer);
            writer.write("1");
            writer.write("2");
            assertEquals(2L, info(writer, "outbox_messages"));
            assertTrue((long) info(writer, "outbox_bytes") > 0);
            Await.until("the oldest gets older", () -> (long) info(writer, "outbox_age_ms") > 0);
            proxy.shut(false);
            writer.flush();
            assertEquals(0L, info(writer, "outbox_messages"));
            assertEquals(0L, info(writer, "outbox_dropped"));
            assertEquals(2, writer.getMetrics().getMsgCountTotal());
            assertArrives("1", "2");
            disconnect(writer);
            writer.write("3");
        }
        proxy.shut(false);
        try (MessageWriter<String> next = writer("disk").build().getWriter()) {
            assertArrives("3");
            assertEquals(0, next.getMetrics().getErrorCountTotal());
        }
    }

    @Test
    void aWriterForTheDiskOpensWithoutABroker() throws IOException {
        proxy.shut(true);
        assertThrows(ConnectionException.class, () -> writer("broker").build().getWriter());
        try (MessageWriter<String> writer = writer("disk").build().getWriter()) {
            writer.write("1");
            assertEquals(1L, info(writer, "outbox_messages"));
            proxy.shut(false);
            assertArrives("1");
        }
    }

    @Test
    void whatTheBrokerHasNotConfirmedStays() {
        MessageWriter<String> writer = writer("broker").parameter("write_timeout_ms", 300).parameter("close_timeout_ms", 100)
                .build().getWriter();
        disconnect(writer);
        String late = assertThrows(SinetStreamIOException.class, () -> writer.write("1")).getMessage();
        assertTrue(late.contains("stays in the outbox"), late);
        String left = assertThrows(SinetStreamIOException.class, writer::close).getMessage();
        assertTrue(left.contains("1 messages") && left.contains(directory.toString()), left);
        proxy.shut(false);
        try (MessageWriter<String> next = writer("broker").build().getWriter()) {
            next.write("2");
            assertArrives("1", "2");
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"disk", "broker"})
    void promisesOfManyMessagesAreResolved(String accept) throws Exception {
        int count = 20_000;
        try (AsyncMessageWriter<String> writer = writer(accept).build().getAsyncWriter()) {
            List<CompletableFuture<?>> ends = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                ends.add(writer.writeAsync(Integer.toString(i)));
            }
            for (CompletableFuture<?> end : ends) {
                end.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
            }
            for (int i = 0; i < count; i++) {
                assertArrives(Integer.toString(i));
            }
            // Otherwise the next writer would send the unconfirmed messages again.
            writer.flush();
        }
        // The numbers on disk continue, while those of the promises start again.
        try (AsyncMessageWriter<String> writer = writer(accept).build().getAsyncWriter()) {
            writer.writeAsync("again").get(LIMIT.toSeconds(), TimeUnit.SECONDS);
            assertArrives("again");
        }
    }

    @Test
    void aPromiseThatTheDiskHasGivenIsResolvedWithoutABroker() throws Exception {
        CompletableFuture<?> last;
        try (AsyncMessageWriter<String> writer = writer("disk").build().getAsyncWriter()) {
            disconnect(writer);
            writer.writeAsync("1").get(LIMIT.toSeconds(), TimeUnit.SECONDS);
            last = writer.writeAsync("2");
        }
        last.get(LIMIT.toSeconds(), TimeUnit.SECONDS); // the close waits for the disk
        proxy.shut(false);
        try (AsyncMessageWriter<String> next = writer("disk").build().getAsyncWriter()) {
            assertArrives("1", "2");
            assertEquals(0, next.getMetrics().getErrorCountTotal());
        }
    }

    @Test
    void aPromiseIsToldWhatBecomesOfItsMessage() throws Exception {
        AsyncMessageWriter<String> first = writer("broker").parameter("write_timeout_ms", 300)
                .parameter("close_timeout_ms", 100).build().getAsyncWriter();
        disconnect(first);
        assertTrue(failure(first.writeAsync("1")).getMessage().contains("is delivered later"));
        assertThrows(SinetStreamIOException.class, first::close);
        proxy.shut(false);
        AsyncMessageWriter<String> second = writer("broker").parameter("close_timeout_ms", 100).build().getAsyncWriter();
        assertArrives("1");
        disconnect(second);
        CompletableFuture<?> left = second.writeAsync("2");
        assertFalse(left.isDone());
        assertThrows(SinetStreamIOException.class, second::close);
        assertTrue(failure(left).getMessage().contains("stays in the outbox"));
    }

    private static SinetStreamIOException failure(CompletableFuture<?> end) {
        ExecutionException e = assertThrows(ExecutionException.class, () -> end.get(LIMIT.toSeconds(), TimeUnit.SECONDS));
        return assertInstanceOf(SinetStreamIOException.class, e.getCause());
    }

    @Test
    void oneWriterHasADirectory() {
        try (MessageWriter<String> first = writer("disk").build().getWriter()) {
            String message = assertThrows(SinetStreamIOException.class, () -> writer("disk").build().getWriter()).getMessage();
            assertTrue(message.contains("another writer of this process (" + ProcessHandle.current().pid() + ")"), message);
            first.write("1");
        }
        writer("disk").build().getWriter().close();
    }

    @Test
    void aReaderHasNone() {
        assertThrows(InvalidConfigurationException.class, () -> Clients.textReader(BROKER.open(), topic)
                .parameter("outbox", Map.of("directory", directory.toString())).build().getReader());
    }
}
