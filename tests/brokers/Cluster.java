import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;

/**
 * Tests two nodes of a cluster for scripts/test-brokers: {@code Cluster NODE NODE PROCESS_OF_THE_FIRST}. The lines are those of
 * {@link Tour}. The first node is killed in between.
 */
public final class Cluster {
    private static final int MESSAGES = 200;

    private Cluster() {
    }

    private interface Step {
        void run() throws Exception;
    }

    public static void main(String[] args) {
        step("a subscription shared by readers at both nodes", () -> shared(args[0], args[1]));
        step("a node dies", () -> dying(args[0], args[1], ProcessHandle.of(Long.parseLong(args[2])).orElseThrow()));
    }

    private static void step(String name, Step step) {
        String result = "ok";
        try {
            step.run();
        } catch (Exception e) {
            result = e.toString();
        }
        System.out.println(name + ": " + result);
    }

    private static Map<String, Object> parameters(String brokers) {
        return Map.of("brokers", brokers, "protocol", "MQTTv5",
                "username_pw_set", Map.of("username", "user01", "password", "user01-pass"),
                "reconnect_delay_set", Map.of("min_delay", 1, "max_delay", 1));
    }

    private static MessageWriter<String> writer(String topic, String brokers) {
        return Tour.writer(Consistency.AT_LEAST_ONCE, topic, parameters(brokers));
    }

    private static MessageReader<String> reader(String topic, String brokers) {
        return Tour.reader(Consistency.AT_LEAST_ONCE, topic, parameters(brokers));
    }

    private static Set<String> write(MessageWriter<String> writer, String kind) {
        List<String> values = IntStream.range(0, MESSAGES).mapToObj(i -> kind + " " + i).collect(Collectors.toList());
        values.forEach(writer::write);
        return new HashSet<>(values);
    }

    private static String next(MessageReader<String> reader) {
        Message<String> message = reader.read();
        return message == null ? null : message.getValue();
    }

    private static void expect(boolean condition, String otherwise) {
        if (!condition) {
            throw new IllegalStateException(otherwise);
        }
    }

    /** Checks that every message comes to one of the readers, once. */
    private static void shared(String first, String second) {
        String topic = "$share/group/cluster/shared";
        try (MessageReader<String> here = reader(topic, first); MessageReader<String> there = reader(topic, second);
                MessageWriter<String> writer = writer("cluster/shared", first)) {
            List<String> received = new ArrayList<>();
            // The nodes tell each other about subscriptions; only then does each reader get its part.
            Set<String> expected = write(writer, "message");
            List<String> parts = new ArrayList<>();
            for (MessageReader<String> reader : List.of(here, there)) {
                int before = received.size();
                for (String value = next(reader); value != null; value = next(reader)) {
                    received.add(value);
                }
                parts.add(Integer.toString(received.size() - before));
            }
            expect(received.size() == MESSAGES && new HashSet<>(received).equals(expected),
                    received.size() + " messages came, expected " + MESSAGES);
            expect(!parts.contains("0"), "the readers have " + String.join(" and ", parts) + " messages");
        }
    }

    /** Checks that clients of the dying node go on at the other one, and that no message that is written then is lost. */
    private static void dying(String first, String second, ProcessHandle node)
            throws InterruptedException {
        String both = first + "," + second;
        try (MessageReader<String> stays = reader("cluster/dying", second);
                MessageReader<String> moves = reader("cluster/dying", both);
                MessageWriter<String> writer = writer("cluster/dying", both)) {
            for (String kind : List.of("before", "after")) {
                if (kind.equals("after")) {
                    node.destroyForcibly();
                    // The reader must first move to the other node and subscribe again.
                    long deadline = System.nanoTime() + 30_000_000_000L;
                    while (node.isAlive() || Long.valueOf(0).equals(moves.getInfo("connection.reconnects")) || !moves.isConnected()) {
                        expect(System.nanoTime() < deadline, "the reader does not come to the other node");
                        Thread.sleep(20);
                    }
                }
                Set<String> expected = write(writer, kind);
                for (MessageReader<String> reader : List.of(stays, moves)) {
                    Set<String> missing = new HashSet<>(expected);
                    for (String value = ""; !missing.isEmpty() && value != null;) {
                        value = next(reader);
                        missing.remove(value);
                    }
                    expect(missing.isEmpty(), kind + ": " + missing.size() + " are missing");
                }
            }
        }
    }
}
