package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;

import jp.ad.sinet.stream.engine.boundary.EngineAccess;
import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Proxy;

/** Clients open, close and reconnect many times without a leak. The system property soak.rounds sets the number. */
@Timeout(600)
@ExtendWith(NoLeaks.class)
@EnabledOnOs(OS.LINUX)
class SoakTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    private static final int ROUNDS = Integer.getInteger("soak.rounds", 1000);
    private static final Path TASKS = Paths.get("/proc/self/task");
    private static final Path DESCRIPTORS = Paths.get("/proc/self/fd");

    /** Each cut is logged as a warning. */
    private static final Logger LOGGER = Logger.getLogger("jp.ad.sinet.stream");

    @BeforeAll
    static void beQuiet() {
        LOGGER.setLevel(Level.OFF);
    }

    @AfterAll
    static void speakAgain() {
        LOGGER.setLevel(null);
    }

    private static long count(Path directory) {
        try (Stream<Path> entries = Files.list(directory)) {
            return entries.count();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static void openAndClose(int rounds) {
        for (int round = 0; round < rounds; round++) {
            String topic = Clients.topic();
            try (MessageReader<String> reader = Clients.textReader(BROKER.open(), topic).build().getReader();
                    MessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic)
                            .consistency(Consistency.AT_LEAST_ONCE).build().getWriter()) {
                writer.write("x");
                assertEquals("x", reader.read().getValue());
            }
            assertThrows(AuthenticationException.class,
                    () -> Clients.textWriter(BROKER.login(), topic).build().getWriter());
        }
    }

    private static void openAndCloseAsynchronous(int rounds) throws Exception {
        for (int round = 0; round < rounds; round++) {
            String topic = Clients.topic();
            CompletableFuture<String> arrived = new CompletableFuture<>();
            try (AsyncMessageReader<String> reader = Clients.textReader(BROKER.open(), topic).build().getAsyncReader();
                    AsyncMessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic)
                            .consistency(Consistency.AT_LEAST_ONCE).build().getAsyncWriter()) {
                reader.addOnMessageCallback(message -> arrived.complete(message.getValue()));
                writer.writeAsync("x").get(20, TimeUnit.SECONDS);
                assertEquals("x", arrived.get(20, TimeUnit.SECONDS));
            }
            assertThrows(AuthenticationException.class,
                    () -> Clients.textReader(BROKER.login(), topic).build().getAsyncReader());
        }
    }

    /** Allows a few more, because the JVM's own threads and files come and go: a leak would be one for each round. */
    private static void assertFlat(long threads, long descriptors) {
        Await.until("no more threads and descriptors than before",
                () -> count(TASKS) <= threads + 8 && count(DESCRIPTORS) <= descriptors + 8);
    }

    @Test
    void openingAndClosing() {
        openAndClose(ROUNDS / 10);
        long threads = count(TASKS);
        long descriptors = count(DESCRIPTORS);
        openAndClose(ROUNDS);
        assertFlat(threads, descriptors);
        assertEquals(0, EngineAccess.liveHandles());
    }

    @Test
    void openingAndClosingAsynchronousClients() throws Exception {
        openAndCloseAsynchronous(ROUNDS / 10);
        long threads = count(TASKS);
        long descriptors = count(DESCRIPTORS);
        openAndCloseAsynchronous(ROUNDS);
        assertFlat(threads, descriptors);
        assertEquals(0, EngineAccess.liveHandles());
    }

    private static long residentBytes() throws IOException {
        return Files.readAllLines(Paths.get("/proc/self/status")).stream().filter(line -> line.startsWith("VmRSS:"))
                .mapToLong(line -> Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024).findFirst().getAsLong();
    }

    @Test
    void anIdleClientIsOneThreadAndLessThanAMebibyte() throws Exception {
        openAndCloseAsynchronous(10);
        int clients = 200;
        List<AutoCloseable> open = new ArrayList<>();
        long threads = count(TASKS);
        long memory = residentBytes();
        try {
            for (int i = 0; i < clients / 2; i++) {
                open.add(Clients.textReader(BROKER.open(), Clients.topic()).build().getAsyncReader());
                open.add(Clients.textWriter(BROKER.open(), Clients.topic()).build().getAsyncWriter());
            }
            assertTrue(count(TASKS) <= threads + clients + 8, count(TASKS) + " threads, " + threads + " before");
            long grown = residentBytes() - memory;
            assertTrue(grown < (long) clients << 20, grown + " bytes");
        } finally {
            for (AutoCloseable client : open) {
                client.close();
            }
        }
    }

    @Test
    void comingBack() throws IOException {
        try (Proxy proxy = new Proxy(BROKER.openPort());
                MessageWriter<String> writer = Clients.textWriter(proxy.address(), Clients.topic())
                        .consistency(Consistency.AT_LEAST_ONCE)
                        .parameter("reconnect_delay", Map.of("min_delay", 0.001, "max_delay", 0.002)).build().getWriter()) {
            long threads = 0;
            long descriptors = 0;
            for (int round = 0; round < ROUNDS; round++) {
                if (round == ROUNDS / 10) {
                    threads = count(TASKS);
                    descriptors = count(DESCRIPTORS);
                }
                long before = (Long) writer.getInfo("connection.reconnects");
                writer.write("x");
                proxy.cut();
                Await.until("the writer is back", () -> (Long) writer.getInfo("connection.reconnects") > before);
            }
            assertFlat(threads, descriptors);
            assertTrue(writer.isConnected());
        }
    }
}
