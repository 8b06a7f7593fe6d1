import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import jp.ad.sinet.stream.api.AuthenticationException;
import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/**
 * Tests a broker for scripts/test-brokers: {@code Tour BROKER WEBSOCKET_BROKER PROTOCOL...}. It prints one line for each step,
 * which ends with "ok" or with the failure; the exit status is the number of failures.
 */
public final class Tour {
    private interface Step {
        void run() throws Exception;
    }

    private final String protocol;
    private final String broker;
    private int failed;

    private Tour(String protocol, String broker) {
        this.protocol = protocol;
        this.broker = broker;
    }

    public static void main(String[] args) {
        int failed = 0;
        for (String protocol : List.of(args).subList(2, args.length)) {
            Tour tour = new Tour(protocol, args[0]);
            for (Consistency consistency : Consistency.values()) {
                tour.step(consistency.name(), () -> tour.exchange(consistency, tour.parameters("user01-pass")));
            }
            tour.step("refused login", tour::refused);
            tour.step("session kept", tour::session);
            Tour web = new Tour(protocol, args[1]);
            web.step("WebSocket", () -> {
                Map<String, Object> parameters = web.parameters("user01-pass");
                parameters.put("transport", "websockets");
                web.exchange(Consistency.AT_LEAST_ONCE, parameters);
            });
            failed += tour.failed + web.failed;
        }
        System.exit(failed);
    }

    private void step(String name, Step step) {
        String result = "ok";
        try {
            step.run();
        } catch (Exception e) {
            failed++;
            result = e.toString();
        }
        System.out.println(protocol + " " + name + ": " + result);
    }

    private Map<String, Object> parameters(String password) {
        Map<String, Object> parameters = new HashMap<>();
        parameters.put("brokers", broker);
        parameters.put("protocol", protocol);
        parameters.put("username_pw_set", Map.of("username", "user01", "password", password));
        return parameters;
    }

    static MessageWriter<String> writer(Consistency consistency, String topic, Map<String, Object> parameters) {
        return MessageWriterFactory.<String>builder().noConfig(true).type("mqtt").topic(topic).consistency(consistency)
                .valueType(SimpleValueType.TEXT).parameters(parameters).build().getWriter();
    }

    static MessageReader<String> reader(Consistency consistency, String topic, Map<String, Object> parameters) {
        return MessageReaderFactory.<String>builder().noConfig(true).type("mqtt").topic(topic).consistency(consistency)
                .valueType(SimpleValueType.TEXT).receiveTimeout(Duration.ofSeconds(10)).parameters(parameters).build()
                .getReader();
    }

    private static void expect(MessageReader<String> reader, int from, int to) {
        for (int i = from; i < to; i++) {
            String received = reader.read().getValue();
            if (!received.equals("message " + i)) {
                throw new IllegalStateException("expected message " + i + ", received " + received);
            }
        }
    }

    private void exchange(Consistency consistency, Map<String, Object> parameters) {
        String topic = "tour/" + protocol + "/" + consistency + parameters.containsKey("transport");
        try (MessageReader<String> reader = reader(consistency, topic, parameters);
                MessageWriter<String> writer = writer(consistency, topic, parameters)) {
            for (int i = 0; i < 100; i++) {
                writer.write("message " + i);
            }
            expect(reader, 0, 100);
        }
    }

    private void refused() {
        try (MessageWriter<String> writer = writer(Consistency.AT_LEAST_ONCE, "tour", parameters("wrong"))) {
            writer.write("never");
            throw new IllegalStateException("a wrong password was accepted");
        } catch (AuthenticationException expected) {
            return;
        }
    }

    /** Checks that messages written while the reader is away wait for it. */
    private void session() {
        String topic = "tour/session/" + protocol;
        Map<String, Object> kept = parameters("user01-pass");
        kept.put("client_id", "tour-" + protocol);
        kept.put("clean_session", false);
        if (protocol.equals("MQTTv5")) {
            kept.remove("clean_session");
            kept.put("clean_start", false);
            kept.put("session_expiry_interval", 60);
        }
        try (MessageReader<String> reader = reader(Consistency.AT_LEAST_ONCE, topic, kept);
                MessageWriter<String> writer = writer(Consistency.AT_LEAST_ONCE, topic, parameters("user01-pass"))) {
            writer.write("message 0");
            expect(reader, 0, 1);
        }
        try (MessageWriter<String> writer = writer(Consistency.AT_LEAST_ONCE, topic, parameters("user01-pass"))) {
            writer.write("message 1");
        }
        try (MessageReader<String> reader = reader(Consistency.AT_LEAST_ONCE, topic, kept)) {
            expect(reader, 1, 2);
        }
    }
}
