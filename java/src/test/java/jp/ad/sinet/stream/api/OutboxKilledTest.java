package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

import jp.ad.sinet.stream.testing.Background;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.ChildJvm;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.OutboxLife;
import jp.ad.sinet.stream.testing.Proxy;

/**
 * JVMs that write through an outbox on disk are killed at random moments while their network fails. No accepted message is
 * missing, and the order is kept. The environment variable SINETSTREAM_TEST_KILLS sets the number of kills.
 */
@Timeout(7200)
@ExtendWith(NoLeaks.class)
class OutboxKilledTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    private static final int KILLS = Integer.parseInt(System.getenv().getOrDefault("SINETSTREAM_TEST_KILLS", "40"));
    private static final Duration LIMIT = Duration.ofHours(1);
    private static final Duration RECEIVE_LIMIT = Duration.ofSeconds(60);

    @TempDir
    Path directory;

    @Test
    void whatWasAcceptedSurvivesDeathsAtAnyMomentAndABadNetwork() {
        List<Chain> chains = new ArrayList<>();
        for (String accept : List.of("disk", "broker")) {
            for (boolean asynchronous : new boolean[] {false, true}) {
                chains.add(new Chain(accept, asynchronous, directory.resolve(accept + asynchronous), chains.size()));
            }
        }
        int each = (KILLS + chains.size() - 1) / chains.size();
        List<Background<Void>> all = chains.stream().map(chain -> Background.<Void>call(() -> {
            chain.liveAndDie(each);
            return null;
        })).collect(Collectors.toList());
        all.forEach(chain -> chain.get(LIMIT));
    }

    /** Successive JVMs, which share a topic, a directory and a network. */
    private static final class Chain {
        private final String topic = Clients.topic();
        private final String accept;
        private final boolean asynchronous;
        private final Path directory;
        private final Random random;
        private final Set<String> writing = new HashSet<>();
        private final List<String> accepted = new ArrayList<>();
        private final AtomicInteger failures = new AtomicInteger();
        private volatile boolean failing = true;

        Chain(String accept, boolean asynchronous, Path directory, int seed) {
            this.accept = accept;
            this.asynchronous = asynchronous;
            this.directory = directory;
            random = new Random(seed);
        }

        @Override
        public String toString() {
            return (asynchronous ? "asynchronous, " : "blocking, ") + accept;
        }

        void liveAndDie(int deaths) throws Exception {
            try (Proxy proxy = new Proxy(BROKER.openPort());
                    MessageReader<String> reader = Clients.textReader(BROKER.open(), topic).receiveTimeout(RECEIVE_LIMIT)
                            .consistency(Consistency.AT_LEAST_ONCE).build().getReader()) {
                Background<List<String>> arrived = Background.call(() -> readUntilEnd(reader));
                Background<Void> network = Background.call(() -> fail(proxy));
                try {
                    // The loop runs for the given number of deaths, and until the network has failed at least half as often.
                    for (int life = 0; life < deaths || failures.get() < deaths / 2; life++) {
                        live(proxy.address(), life);
                    }
                } finally {
                    failing = false;
                }
                network.get(RECEIVE_LIMIT);
                try (MessageWriter<String> last = OutboxLife.writer(proxy.address(), topic, directory.toString(), "broker")
                        .build().getWriter()) {
                    last.write("end");
                    last.flush();
                    assertEquals(0L, last.getInfo("connection.outbox_messages"), this::toString);
                }
                check(arrived.get(RECEIVE_LIMIT));
            }
        }

        /** Starts a JVM, and kills it at a random moment. */
        private void live(String broker, int life) throws IOException, InterruptedException {
            // One in five is killed while it opens its outbox.
            int left = random.nextInt(5) == 0 ? 0 : 1 + random.nextInt(80);
            boolean killed = false;
            Process process = new ChildJvm().start("outbox", broker, topic, directory.toString(), accept,
                    Boolean.toString(asynchronous), Integer.toString(life));
            try (BufferedReader told = new BufferedReader(new InputStreamReader(process.getInputStream(),
                    StandardCharsets.UTF_8))) {
                for (String line = told.readLine(); line != null; line = told.readLine()) {
                    assertFalse(line.startsWith("failed "), line);
                    boolean counts = line.equals("opening") && left == 0;
                    if (line.startsWith("writing ")) {
                        writing.add(line.substring("writing ".length()));
                    } else if (line.startsWith("accepted ")) {
                        accepted.add(line.substring("accepted ".length()));
                        left--;
                        counts = left == 0;
                    }
                    if (counts && !killed) {
                        // The opening includes loading the native library.
                        Thread.sleep(random.nextInt(line.equals("opening") ? 300 : 20));
                        process.toHandle().destroyForcibly(); // SIGKILL; the process's own method would close the pipe, too
                        killed = true;
                    }
                }
            } finally {
                process.destroyForcibly();
            }
            process.waitFor();
            assertTrue(killed, this + ": life " + life + " ended by itself");
        }

        /** Cuts, truncates, stalls and refuses connections. */
        private Void fail(Proxy proxy) throws InterruptedException {
            Random chance = new Random(1);
            while (failing) {
                Thread.sleep(1 + chance.nextInt(100));
                switch (chance.nextInt(4)) {
                    case 0:
                        proxy.truncate();
                        break;
                    case 1:
                        proxy.stall(true);
                        Thread.sleep(1 + chance.nextInt(20));
                        break;
                    case 2:
                        proxy.shut(true); // the writer has no network for a while
                        Thread.sleep(1 + chance.nextInt(60));
                        break;
                    default:
                        break;
                }
                if (proxy.cut()) {
                    failures.incrementAndGet();
                }
                proxy.stall(false);
                proxy.shut(false);
            }
            return null;
        }

        /**
         * A killed process did not know which messages were confirmed, so values may arrive again; the first arrivals are in
         * order.
         */
        private void check(List<String> arrived) throws IOException {
            Set<String> known = new HashSet<>();
            long last = -1;
            for (String value : arrived) {
                assertTrue(writing.contains(value), () -> this + ": nobody has written '" + value + "'");
                if (known.add(value)) {
                    long place = place(value);
                    assertTrue(place > last, this + ": " + value + " is out of its order");
                    last = place;
                }
            }
            List<String> missing = accepted.stream().filter(value -> !known.contains(value)).collect(Collectors.toList());
            assertEquals(List.of(), missing, () -> this + ": of " + accepted.size() + " these are missing");
            assertFalse(accepted.isEmpty(), () -> this + ": nothing was accepted");
            try (Stream<Path> files = Files.list(directory)) {
                // A kill damages no file.
                assertEquals(List.of(), files.map(file -> file.getFileName().toString())
                        .filter(name -> name.startsWith("damaged-") || name.startsWith("refused-"))
                        .collect(Collectors.toList()), this::toString);
            }
        }

        /** Returns a position by the process that has written a value, and the value's number in that process. */
        private static long place(String value) {
            String[] parts = value.split("-");
            return Long.parseLong(parts[0]) << Integer.SIZE | Long.parseLong(parts[1]);
        }

        private static List<String> readUntilEnd(MessageReader<String> reader) {
            List<String> arrived = new ArrayList<>();
            for (Message<String> message = reader.read(); message != null; message = reader.read()) {
                if (message.getValue().equals("end")) {
                    return arrived;
                }
                arrived.add(message.getValue());
            }
            throw new AssertionError("the last message did not come");
        }
    }
}
