package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Background;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.ChildJvm;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.LogCapture;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Processes;
import jp.ad.sinet.stream.testing.Proxy;
import jp.ad.sinet.stream.testing.Worker;
import jp.ad.sinet.stream.utils.MessageReaderFactory.MessageReaderFactoryBuilder;

/** With {@code acknowledge: processed} the broker sends unacknowledged messages again, also after the process was killed. */
@Timeout(300)
@ExtendWith(NoLeaks.class)
class AcknowledgeTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    private static final Duration LIMIT = Duration.ofSeconds(60);

    private static MessageReaderFactoryBuilder<String> reader(String topic) {
        return Worker.builder(BROKER.open(), topic, "worker-of-" + topic.replace('/', '-'));
    }

    private static void write(String topic, Consistency consistency, int from, int to) {
        try (MessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic).consistency(consistency).build().getWriter()) {
            IntStream.range(from, to).forEach(number -> writer.write(String.valueOf(number)));
        }
    }

    private static void write(String topic, int from, int to) {
        write(topic, Consistency.AT_LEAST_ONCE, from, to);
    }

    private static Message<String> next(MessageReader<String> reader) {
        Message<String> message = reader.read();
        assertNotNull(message, "a message");
        return message;
    }

    private static List<Message<String>> next(MessageReader<String> reader, int count) {
        return IntStream.range(0, count).mapToObj(i -> next(reader)).collect(Collectors.toList());
    }

    /** Returns the messages that the broker still has for this reader, which come before a message that is written now. */
    private static List<String> left(MessageReader<String> reader, String topic) {
        try (MessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic).consistency(Consistency.AT_LEAST_ONCE)
                .build().getWriter()) {
            writer.write("end");
        }
        List<String> values = new ArrayList<>();
        while (true) {
            Message<String> message = next(reader);
            reader.acknowledge(message);
            if (message.getValue().equals("end")) {
                return values;
            }
            values.add(message.getValue());
        }
    }

    private static List<String> leftForTheNextReader(String topic) {
        try (MessageReader<String> reader = reader(topic).build().getReader()) {
            return left(reader, topic);
        }
    }

    /** A worker process that the test kills. */
    private static final class Victim implements AutoCloseable {
        private final Process process;
        private final BufferedReader lines;

        Victim(String topic, String id, String how) throws IOException {
            process = Processes.start(new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", ChildJvm.classPath(), Worker.class.getName(),
                    BROKER.open(), topic, id, how).redirectError(ProcessBuilder.Redirect.DISCARD));
            lines = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
            assertEquals("ready", lines.readLine());
        }

        /** Returns the next message that it has processed; null when it is dead and its pipe is empty. */
        Integer processed() throws IOException {
            String line = lines.readLine();
            return line == null || !line.startsWith("processed ") ? null : Integer.valueOf(line.substring("processed ".length()));
        }

        /** Kills the process. Returns the messages that it had processed and whose output was not read yet. */
        Set<Integer> kill() throws IOException {
            process.toHandle().destroyForcibly(); // unlike the process's own method, this leaves the pipe open
            Set<Integer> rest = new HashSet<>();
            Integer number;
            while ((number = processed()) != null) {
                rest.add(number);
            }
            return rest;
        }

        @Override
        public void close() {
            process.toHandle().destroyForcibly();
        }
    }

    /** The environment variable ACKNOWLEDGE_KILLS sets the number of kills. */
    @Test
    @Timeout(value = 60, unit = TimeUnit.MINUTES)
    void noMessageIsLostWithTheProcessThatIsAtWorkOnIt() throws IOException {
        int each = 40;
        String given = System.getenv("ACKNOWLEDGE_KILLS");
        int kills = given == null ? 20 : Integer.parseInt(given);
        String topic = Clients.topic();
        String id = "victim";
        Worker.builder(BROKER.open(), topic, id).build().getReader().close();
        Random random = new Random();
        Set<Integer> processed = new HashSet<>();
        for (int round = 0; round <= kills; round++) {
            try (Victim victim = new Victim(topic, id, List.of("threads", "callbacks", "manual").get(round % 3))) {
                boolean last = round == kills;
                if (!last) {
                    write(topic, round * each, (round + 1) * each);
                }
                int enough = random.nextInt(each) + 1;
                for (int count = 0; last ? processed.size() < kills * each : count < enough; count++) {
                    Integer number = victim.processed();
                    assertNotNull(number, "the victim works");
                    processed.add(number);
                }
                processed.addAll(victim.kill());
            }
        }
    }

    /** The broker keeps the messages of the dead worker's session for its return; all others go to the other workers. */
    @Test
    void noMessageOfASharedSubscriptionIsLostWhenOneOfTheWorkersIsKilled() throws Exception {
        int messages = 300;
        String topic = Clients.topic();
        String shared = "$share/workers/" + topic;
        BlockingQueue<Integer> told = new LinkedBlockingQueue<>();
        Set<Integer> processed = new HashSet<>();
        try (Victim dying = new Victim(shared, "1", "threads"); Victim second = new Victim(shared, "2", "manual");
                Victim third = new Victim(shared, "3", "callbacks")) {
            Background<Void> writing = Background.run(() -> write(topic, 0, messages));
            processed.add(dying.processed());
            processed.addAll(dying.kill());
            writing.get(LIMIT);
            try (Victim back = new Victim(shared, "1", "threads")) {
                List<Background<Void>> hearing = new ArrayList<>();
                for (Victim each : List.of(second, third, back)) {
                    hearing.add(Background.call(() -> {
                        Integer number;
                        while ((number = each.processed()) != null) {
                            told.add(number);
                        }
                        return null;
                    }));
                }
                while (processed.size() < messages) {
                    Integer number = told.poll(LIMIT.toSeconds(), TimeUnit.SECONDS);
                    assertNotNull(number, () -> "of " + messages + " messages only " + processed.size() + " are there");
                    processed.add(number);
                }
                List.of(second, third, back).forEach(Victim::close);
                for (Background<Void> each : hearing) {
                    each.get(LIMIT);
                }
            }
        }
    }

    @ParameterizedTest
    @EnumSource(value = Consistency.class, names = "AT_MOST_ONCE", mode = EnumSource.Mode.EXCLUDE)
    void onlyWhatWasNotAcknowledgedComesToTheNextReader(Consistency consistency) {
        String topic = Clients.topic();
        MessageReader<String> reader = reader(topic).consistency(consistency).build().getReader();
        write(topic, consistency, 0, 10);
        List<Message<String>> messages = new ArrayList<>(reader.readMany(1, LIMIT));
        reader.stream().limit(9).forEach(messages::add);
        List<Background<Void>> threads = new ArrayList<>();
        for (List<Integer> part : List.of(List.of(3, 0, 4), List.of(1, 5, 3), List.of(2, 6, 6))) {
            threads.add(Background.run(() -> part.forEach(index -> reader.acknowledge(messages.get(index)))));
        }
        threads.forEach(thread -> thread.get(LIMIT));
        assertTimeoutPreemptively(LIMIT, reader::close);
        reader.acknowledge(messages.get(7)); // too late, and without an effect
        try (MessageReader<String> next = reader(topic).consistency(consistency).build().getReader()) {
            assertEquals(List.of("7", "8", "9"), left(next, topic));
            assertThrows(IllegalArgumentException.class, () -> next.acknowledge(messages.get(8)));
        }
    }

    @ParameterizedTest
    @EnumSource(value = Consistency.class, names = "AT_MOST_ONCE", mode = EnumSource.Mode.EXCLUDE)
    void aMessageThatIsStillThereAfterACutDoesNotComeTwice(Consistency consistency) throws IOException {
        String topic = Clients.topic();
        try (Proxy proxy = new Proxy(BROKER.openPort());
                MessageReader<String> reader = reader(topic).parameter("brokers", proxy.address()).consistency(consistency).build()
                        .getReader()) {
            write(topic, consistency, 0, 5);
            List<Message<String>> messages = next(reader, 5);
            reader.acknowledge(messages.get(1));
            proxy.cut();
            write(topic, consistency, 5, 6);
            assertEquals("5", next(reader).getValue(), "what has come before does not come again");
            messages.forEach(reader::acknowledge);
        }
        assertEquals(List.of("5"), leftForTheNextReader(topic));
    }

    @Test
    void aMessageThatACallbackHasThrownForComesAgainWithTheNextConnection() throws Exception {
        String topic = Clients.topic();
        BlockingQueue<Message<String>> first = new LinkedBlockingQueue<>();
        BlockingQueue<Message<String>> second = new LinkedBlockingQueue<>();
        List<Throwable> failures = new ArrayList<>();
        try (Proxy proxy = new Proxy(BROKER.openPort()); LogCapture log = new LogCapture();
                AsyncMessageReader<String> reader = reader(topic).parameter("brokers", proxy.address()).build().getAsyncReader()) {
            reader.addOnMessageCallback(first::add, failures::add);
            reader.addOnMessageCallback(message -> {
                second.add(message);
                if (message.getValue().equals("1") && !((PublishPacket) message.getRaw()).isDuplicate()) {
                    throw new IllegalStateException("not now");
                }
            }, failures::add);
            write(topic, 0, 4);
            for (int number = 0; number < 4; number++) {
                assertEquals(String.valueOf(number), taken(first).getValue());
                assertEquals(String.valueOf(number), taken(second).getValue());
            }
            Await.until("the failure is logged", () -> log.warnings().contains("a callback of a reader failed"));
            proxy.cut();
            for (BlockingQueue<Message<String>> each : List.of(first, second)) {
                Message<String> again = taken(each);
                assertEquals("1", again.getValue());
                assertTrue(((PublishPacket) again.getRaw()).isDuplicate());
            }
            Await.until("all are acknowledged", () -> Long.valueOf(0).equals(reader.getInfo("connection.inbox_messages")));
        }
        assertEquals(List.of(), leftForTheNextReader(topic));
        assertEquals(List.of(), failures);
    }

    private static <M> M taken(BlockingQueue<M> queue) throws InterruptedException {
        M next = queue.poll(LIMIT.toSeconds(), TimeUnit.SECONDS);
        assertNotNull(next, "a message");
        return next;
    }

    @Test
    void aMessageThatACallbackThrowsForIsGivenUpAfterTheConfiguredTries() throws Exception {
        String topic = Clients.topic();
        BlockingQueue<String> values = new LinkedBlockingQueue<>();
        BlockingQueue<String> others = new LinkedBlockingQueue<>();
        try (LogCapture log = new LogCapture();
                AsyncMessageReader<String> reader = reader(topic).processedTries(3).build().getAsyncReader()) {
            reader.addOnMessageCallback(message -> {
                values.add(message.getValue());
                if (message.getValue().equals("1")) {
                    throw new IllegalStateException("never");
                }
            });
            reader.addOnMessageCallback(message -> others.add(message.getValue()));
            write(topic, 0, 3);
            for (String expected : List.of("0", "1", "1", "1", "2")) {
                assertEquals(expected, taken(values));
            }
            for (String expected : List.of("0", "1", "2")) {
                assertEquals(expected, taken(others), "who has processed it gets it once");
            }
            assertTrue(log.warnings().contains(
                    "a message was given to a callback 3 times, and is acknowledged although it was not processed"));
            Await.until("all are acknowledged", () -> Long.valueOf(0).equals(reader.getInfo("connection.inbox_messages")));
        }
        assertEquals(List.of(), leftForTheNextReader(topic));
    }

    @Test
    void aCallbackMayLeaveTheAcknowledgementToAnotherThread() throws Exception {
        String topic = Clients.topic();
        BlockingQueue<Message<String>> messages = new LinkedBlockingQueue<>();
        try (Proxy proxy = new Proxy(BROKER.openPort());
                AsyncMessageReader<String> reader = reader(topic).acknowledge(Acknowledge.MANUAL)
                        .parameter("brokers", proxy.address()).build().getAsyncReader()) {
            reader.addOnMessageCallback(messages::add);
            write(topic, 0, 3);
            List<Message<String>> held = List.of(taken(messages), taken(messages), taken(messages));
            proxy.cut();
            write(topic, 3, 4);
            assertEquals("3", taken(messages).getValue(), "what is held does not come again");
            held.subList(0, 2).forEach(reader::acknowledge);
            Await.until("two are left", () -> Long.valueOf(2).equals(reader.getInfo("connection.inbox_messages")));
        }
        assertEquals(List.of("2", "3"), leftForTheNextReader(topic));
    }

    @Test
    void aProgramThatDoesNotAcknowledgeIsToldWhyNothingComesAnyMore() {
        String topic = Clients.topic();
        try (LogCapture log = new LogCapture();
                MessageReader<String> reader = reader(topic).receiveTimeout(LIMIT).parameter("protocol", "MQTTv5")
                        .parameter("receive_maximum", 20).build().getReader()) {
            write(topic, 0, 30);
            List<Message<String>> messages = next(reader, 20); // the broker sends this many without acknowledgements
            Background<Message<String>> waiting = Background.call(reader::read);
            String told = "no messages come any more, since 20 are not acknowledged to the broker: 20 of them wait for the program"
                    + " to acknowledge them";
            Await.until(LIMIT, "the warning", () -> log.warnings().stream().anyMatch(warning -> warning.contains(told)));
            messages.forEach(reader::acknowledge);
            assertEquals("20", waiting.get(LIMIT).getValue());
            assertEquals(1, log.warnings().stream().filter(warning -> warning.contains("no messages come")).count());
        }
    }

    @Test
    void whatIsNoMessageIsAcknowledgedAndWhatNeedsNoAcknowledgementIsHarmless() {
        String topic = Clients.topic();
        try (MessageReader<String> reader = reader(topic).deserializer(bytes -> {
            String value = new String(bytes, StandardCharsets.UTF_8);
            if (value.equals("1")) {
                throw new InvalidMessageException("not that one");
            }
            return value;
        }).build().getReader()) {
            write(topic, 0, 3);
            Message<String> first = next(reader);
            assertThrows(InvalidMessageException.class, reader::read);
            Message<String> last = next(reader);
            reader.debugInjectMsgBytes(Clients.wire("injected".getBytes(StandardCharsets.UTF_8)), topic, null);
            reader.acknowledge(next(reader));
            write(topic, Consistency.AT_MOST_ONCE, 7, 8);
            reader.acknowledge(next(reader));
            reader.acknowledge(last);
            reader.acknowledge(first);
            assertThrows(IllegalArgumentException.class, () -> reader.acknowledge(new Message<>("own", topic, 0L, null)));
            assertEquals(first, new Message<>(first.getValue(), topic, first.getTimestampMicroseconds(), first.getRaw()));
        }
        assertEquals(List.of(), leftForTheNextReader(topic));
    }

    @Test
    void aReaderThatTakesAcknowledgesByItself() {
        String topic = Clients.topic();
        try (MessageReader<String> reader = reader(topic).acknowledge(Acknowledge.TAKEN).build().getReader();
                MessageReader<String> other = Clients.<String>reader(BROKER.open(), topic, SimpleValueType.TEXT)
                        .consistency(Consistency.AT_LEAST_ONCE).acknowledge(Acknowledge.PROCESSED).build().getReader()) {
            write(topic, 0, 2);
            Message<String> message = next(reader);
            Consumer<Message<String>> twice = each -> IntStream.range(0, 2).forEach(i -> reader.acknowledge(each));
            assertDoesNotThrow(() -> twice.accept(message));
            assertThrows(IllegalArgumentException.class, () -> reader.acknowledge(next(other)));
            next(reader);
        }
        assertEquals(List.of(), leftForTheNextReader(topic));
    }
}
