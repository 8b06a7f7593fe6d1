package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;

import jp.ad.sinet.stream.testing.Background;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Broker.Listener;
import jp.ad.sinet.stream.testing.Certificates;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;

/** Every combination of version, transport, TLS and QoS, at the same time: one message from a writer to a reader. */
@ExtendWith(NoLeaks.class)
class MatrixTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    /** The versions with their names in Mosquitto's log. */
    private static final Map<String, String> VERSIONS = Map.of("MQTTv31", "p1", "MQTTv311", "p2", "MQTTv5", "p5");
    /** The listeners with the user in the log. */
    private static final Map<Listener, String> LISTENERS = new EnumMap<>(Map.of(
            Listener.OPEN, "",
            Listener.LOGIN, ", u'user03'",
            Listener.TLS, ", u'user03'",
            Listener.CERTIFICATE, ", u'client-by-certificate'",
            Listener.WEB_SOCKET, "",
            Listener.WEB_SOCKET_TLS, ", u'user03'",
            Listener.WEB_SOCKET_CERTIFICATE, ", u'client-by-certificate'"));

    @RegisterExtension
    static final Broker BROKER = new Broker(LISTENERS.keySet().toArray(new Listener[0]));

    private static Map<String, Object> parameters(Listener listener, String version, String clientId) {
        Certificates certificates = Certificates.get();
        Map<String, Object> tls = new LinkedHashMap<>(Map.of("ca_certs", certificates.ca.toString()));
        Map<String, Object> parameters = new LinkedHashMap<>();
        parameters.put("protocol", version);
        parameters.put("client_id", clientId);
        parameters.put("transport", listener.name().startsWith("WEB_SOCKET") ? "websockets" : "tcp");
        switch (listener) {
            case OPEN:
            case WEB_SOCKET:
                return parameters;
            case CERTIFICATE:
            case WEB_SOCKET_CERTIFICATE:
                tls.put("certfile", certificates.client.toString());
                tls.put("keyfile", certificates.clientKey.toString());
                break;
            default:
                parameters.put("username_pw", Map.of("username", "user03", "password", Broker.password("user03")));
                break;
        }
        if (listener != Listener.LOGIN) {
            parameters.put("tls", tls);
        }
        return parameters;
    }

    private static void oneMessage(Listener listener, String version, Consistency consistency, String id) {
        String topic = "matrix/" + id;
        String brokers = BROKER.address(listener);
        try (MessageReader<String> reader = Clients.textReader(brokers, topic).consistency(consistency)
                .parameters(parameters(listener, version, id + "-reader")).receiveTimeout(LIMIT).build().getReader();
                MessageWriter<String> writer = Clients.textWriter(brokers, topic).consistency(consistency)
                        .parameters(parameters(listener, version, id + "-writer")).build().getWriter()) {
            writer.write(id);
            Message<String> message = reader.read();
            assertEquals(id, message.getValue());
            assertEquals(topic, message.getTopic());
            assertEquals(consistency.getQos(), ((PublishPacket) message.getRaw()).getQos());
        }
    }

    @Test
    void aMessageGoesThroughEveryCombination() {
        Map<String, Background<Void>> running = new LinkedHashMap<>();
        List<String> clients = new ArrayList<>();
        LISTENERS.forEach((listener, user) -> VERSIONS.forEach((version, logged) -> {
            for (Consistency consistency : Consistency.values()) {
                String id = listener + "-" + logged + "-" + consistency.getQos();
                running.put(id, Background.run(() -> oneMessage(listener, version, consistency, id)));
                clients.add(" as " + id + "-reader (" + logged + ", c1, k60" + user + ").");
                clients.add(" as " + id + "-writer (" + logged + ", c1, k60" + user + ").");
            }
        }));
        assertEquals(7 * 3 * 3, running.size());
        running.forEach((id, call) -> call.get(LIMIT));
        // The log shows that each combination was really used.
        String log = BROKER.log();
        clients.forEach(client -> assertTrue(log.contains(client), client));
    }
}
