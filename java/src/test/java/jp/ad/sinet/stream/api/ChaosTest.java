package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Background;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Proxy;

/** A network that fails continually. The system properties chaos.messages and chaos.cuts set how often. */
@Timeout(600)
@ExtendWith(NoLeaks.class)
class ChaosTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    private static final int MESSAGES = Integer.getInteger("chaos.messages", 100_000);
    private static final int CUTS = Integer.getInteger("chaos.cuts", 50);
    private static final int THREADS = 32;
    private static final Duration LIMIT = Duration.ofMinutes(5);
    private static final Map<String, Object> PARAMETERS = Map.of("clean_session", false,
            "max_inflight_messages", Map.of("inflight", 1000),
            "reconnect_delay", Map.of("min_delay", 0.02, "max_delay", 0.1));

    private volatile boolean running = true;

    /** Each cut is logged as a warning. */
    private static final Logger LOGGER = Logger.getLogger("jp.ad.sinet.stream");

    @BeforeAll
    static void beQuiet() {
        LOGGER.setLevel(Level.SEVERE);
    }

    @AfterAll
    static void speakAgain() {
        LOGGER.setLevel(null);
    }

    /** Cuts, stalls and truncates connections. */
    private void torment(Proxy proxy) throws InterruptedException {
        Random random = new Random(1);
        while (running) {
            Thread.sleep(50 + random.nextInt(100));
            switch (random.nextInt(4)) {
                case 0:
                    proxy.truncate();
                    break;
                case 1:
                    proxy.stall(true);
                    Thread.sleep(30);
                    proxy.cut();
                    proxy.stall(false);
                    break;
                default:
                    proxy.cut();
            }
        }
    }

    private List<Background<Void>> torment(List<Proxy> proxies) {
        return proxies.stream().map(proxy -> Background.<Void>call(() -> {
            torment(proxy);
            return null;
        })).collect(Collectors.toList());
    }

    private void end(List<Background<Void>> torments) throws Exception {
        running = false;
        for (Background<Void> each : torments) {
            each.get(LIMIT);
        }
    }

    private static void assertNothingCameAgain(Map<String, Integer> arrived) {
        List<String> again = arrived.entrySet().stream().filter(entry -> entry.getValue() > 1)
                .map(Map.Entry::toString).collect(Collectors.toList());
        assertEquals(List.of(), again, "came again");
    }

    @ParameterizedTest
    @EnumSource(Consistency.class)
    void nothingIsMissing(Consistency consistency) throws Exception {
        String topic = Clients.topic();
        boolean persistent = consistency != Consistency.AT_MOST_ONCE;
        AtomicInteger written = new AtomicInteger();
        try (Proxy toWriter = new Proxy(BROKER.openPort());
                Proxy toReader = new Proxy(BROKER.openPort());
                MessageReader<String> reader = Clients.textReader(toReader.address(), topic).consistency(consistency)
                        .clientId("reader-" + consistency).parameters(PARAMETERS).receiveTimeout(Duration.ofSeconds(30))
                        .build().getReader();
                MessageWriter<String> writer = Clients.textWriter(toWriter.address(), topic).consistency(consistency)
                        .clientId("writer-" + consistency).parameters(PARAMETERS).build().getWriter()) {
            List<Background<Void>> torments = torment(persistent ? List.of(toWriter, toReader) : List.of(toWriter));
            Background<Map<String, Integer>> reading = Background.call(() -> readUntilEnd(reader));
            List<Background<Integer>> writing = IntStream.range(0, THREADS).mapToObj(thread -> Background.call(() -> {
                int number = 0;
                while (written.get() < MESSAGES || toWriter.connections() <= CUTS) {
                    try {
                        writer.write(thread + " " + number++);
                        written.incrementAndGet();
                    } catch (SinetStreamIOException e) {
                        // At QoS 0 a lost connection is reported, and nothing is sent again.
                        assertEquals(Consistency.AT_MOST_ONCE, consistency, e::getMessage);
                    }
                }
                return number;
            })).collect(Collectors.toList());
            List<Integer> counts = new ArrayList<>();
            for (Background<Integer> each : writing) {
                counts.add(each.get(LIMIT));
            }
            end(torments);
            assertTrue(toWriter.connections() > CUTS, "too few cuts");
            // At QoS 0 a dead connection that was not detected yet would lose the last message.
            Await.until(LIMIT, "the writer is back", () -> answers(writer));
            writer.write("end");
            Map<String, Integer> arrived = reading.get(LIMIT);
            if (persistent) {
                for (int thread = 0; thread < THREADS; thread++) {
                    for (int number = 0; number < counts.get(thread); number++) {
                        assertTrue(arrived.containsKey(thread + " " + number), thread + " " + number + " is missing");
                    }
                }
            }
            if (consistency != Consistency.AT_LEAST_ONCE) {
                assertNothingCameAgain(arrived);
            }
        }
    }

    /** This is the test with promises and callbacks: each message ends once, whatever happens. */
    @ParameterizedTest
    @EnumSource(Consistency.class)
    void nothingThatWasAcceptedIsMissing(Consistency consistency) throws Exception {
        String topic = Clients.topic();
        boolean persistent = consistency != Consistency.AT_MOST_ONCE;
        Map<String, Integer> arrived = new ConcurrentHashMap<>();
        CountDownLatch last = new CountDownLatch(1);
        AtomicInteger resolved = new AtomicInteger();
        Queue<Throwable> rejected = new ConcurrentLinkedQueue<>();
        int accepted = 0;
        try (Proxy toWriter = new Proxy(BROKER.openPort());
                Proxy toReader = new Proxy(BROKER.openPort());
                AsyncMessageReader<String> reader = Clients.textReader(toReader.address(), topic).consistency(consistency)
                        .clientId("async-reader-" + consistency).parameters(PARAMETERS).build().getAsyncReader();
                AsyncMessageWriter<String> writer = Clients.textWriter(toWriter.address(), topic).consistency(consistency)
                        .clientId("async-writer-" + consistency).parameters(PARAMETERS).build().getAsyncWriter()) {
            reader.addOnMessageCallback(message -> {
                if (message.getValue().equals("end")) {
                    last.countDown();
                } else {
                    arrived.merge(message.getValue(), 1, Integer::sum);
                }
            });
            List<Background<Void>> torments = torment(persistent ? List.of(toWriter, toReader) : List.of(toWriter));
            while (resolved.get() < MESSAGES || toWriter.connections() <= CUTS) {
                writer.write(String.valueOf(accepted++)).done(nothing -> resolved.incrementAndGet()).fail(rejected::add);
            }
            end(torments);
            int all = accepted;
            Await.until(LIMIT, "all have ended", () -> resolved.get() + rejected.size() == all);
            Await.until(LIMIT, "the writer is back", () -> answers(writer));
            writer.writeAsync("end").get(LIMIT.toSeconds(), TimeUnit.SECONDS);
            assertTrue(last.await(LIMIT.toSeconds(), TimeUnit.SECONDS), "the last message did not come");
        }
        if (persistent) {
            assertEquals(List.of(), List.copyOf(rejected));
            assertEquals(accepted, arrived.size());
        }
        if (consistency != Consistency.AT_LEAST_ONCE) {
            assertNothingCameAgain(arrived);
        }
    }

    private static boolean answers(MessageIO writer) {
        try {
            writer.ping(Duration.ofSeconds(1));
            return true;
        } catch (ConnectionException e) {
            return false;
        }
    }

    private static Map<String, Integer> readUntilEnd(MessageReader<String> reader) {
        Map<String, Integer> arrived = new HashMap<>();
        for (Message<String> message = reader.read(); message != null; message = reader.read()) {
            if (message.getValue().equals("end")) {
                return arrived;
            }
            arrived.merge(message.getValue(), 1, Integer::sum);
        }
        throw new AssertionError("the last message did not come");
    }
}
