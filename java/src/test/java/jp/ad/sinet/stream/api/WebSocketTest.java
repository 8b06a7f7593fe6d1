package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Certificates;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.LogCapture;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Proxy;
import jp.ad.sinet.stream.testing.ScriptedBroker;
import jp.ad.sinet.stream.testing.Yaml;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** MQTT over WebSocket. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class WebSocketTest {
    @RegisterExtension
    static final Broker BROKER = new Broker(Broker.Listener.OPEN, Broker.Listener.TLS,
            Broker.Listener.WEB_SOCKET, Broker.Listener.WEB_SOCKET_TLS);

    private static final Duration LIMIT = Duration.ofSeconds(20);
    private static final String SECRET = "geheim-4711";

    @TempDir
    Path directory;

    private final String topic = Clients.topic();

    private static Map<String, Object> login() {
        return Map.of("username", "user01", "password", Broker.password("user01"));
    }

    /** Returns the parameters for the broker over WebSocket, or over TLS with a login. */
    private static Map<String, Object> to(boolean tls) {
        Map<String, Object> parameters = new LinkedHashMap<>();
        parameters.put("transport", "websockets");
        parameters.put("brokers", tls ? BROKER.wss() : BROKER.ws());
        if (tls) {
            parameters.put("tls", Map.of("ca_certs", Certificates.get().ca.toString()));
            parameters.put("username_pw", login());
        }
        return parameters;
    }

    private MessageWriter<String> writer(Map<String, ?> parameters) {
        return Clients.textWriter("replaced", topic).parameters(parameters).build().getWriter();
    }

    private void refused(Map<String, ?> parameters, String... parts) {
        SinetStreamException e = assertThrows(SinetStreamException.class, () -> writer(parameters).close());
        assertSame(ConnectionException.class, e.getClass(), e::toString);
        for (String part : parts) {
            assertTrue(e.getMessage().contains(part), () -> "'" + part + "' in: " + e.getMessage());
        }
        assertFalse(e.toString().contains(SECRET), e::toString);
    }

    @ParameterizedTest
    @EnumSource(Consistency.class)
    void textAtEveryConsistency(Consistency consistency) {
        for (boolean tls : new boolean[] {false, true}) {
            try (MessageReader<String> reader = Clients.textReader("replaced", topic).parameters(to(tls))
                    .consistency(consistency).build().getReader();
                    MessageWriter<String> writer = Clients.textWriter("replaced", topic).parameters(to(tls))
                            .consistency(consistency).build().getWriter()) {
                for (String text : List.of("hello", "", "日本語", "x".repeat(20_000))) {
                    writer.write(text);
                    assertEquals(text, reader.read().getValue());
                }
            }
        }
    }

    @Test
    void aLargeMessage() {
        byte[] value = new byte[10 << 20];
        new Random(1).nextBytes(value);
        for (boolean tls : new boolean[] {false, true}) {
            // Mosquitto 2.0.11 is slow in sending large messages to a WebSocket, so they are read over TCP.
            try (MessageReader<byte[]> reader = Clients.<byte[]>reader(BROKER.open(), topic, null).build().getReader();
                    MessageWriter<byte[]> writer = Clients.<byte[]>writer("replaced", topic, null).parameters(to(tls))
                            .consistency(Consistency.AT_LEAST_ONCE).build().getWriter()) {
                writer.write(value);
                assertArrayEquals(value, reader.read().getValue());
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"0, ws_options", "2, ws_set_options", "3, ws_options", "3, ws_set_options"})
    void fromAFileUnderBothNames(int header, String name) throws IOException {
        Map<String, Object> service = to(true);
        service.put("type", "mqtt");
        service.put("topic", topic);
        service.put("value_type", "text");
        service.put("receive_timeout_ms", LIMIT.toMillis());
        Map<String, Object> options = Map.of("path", "/mqtt", "headers", Map.of("X-Token", SECRET));
        service.put(name, options);
        Path file = Yaml.service(directory, header, "svc", service);
        service.remove(name);
        service.put("type_spec", Map.of(name, options));
        for (Path each : List.of(file, Yaml.service(directory, header, "svc", service))) {
            try (LogCapture log = new LogCapture();
                    MessageReader<String> reader = MessageReaderFactory.<String>builder().configFile(each).build()
                            .getReader();
                    MessageWriter<String> writer = MessageWriterFactory.<String>builder().configFile(each).build()
                            .getWriter()) {
                writer.write("hello");
                assertEquals("hello", reader.read().getValue());
                assertFalse(writer.getConfig().toString().contains(SECRET), () -> writer.getConfig().toString());
                assertEquals(List.of(), log.warnings());
            }
        }
    }

    /** Starts a web server that answers every request with a status. */
    private static HttpServer webServer(int status, String location, BlockingQueue<HttpExchange> seen) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 0);
        server.createContext("/", exchange -> {
            seen.add(exchange);
            if (location != null) {
                exchange.getResponseHeaders().add("Location", location);
            }
            exchange.sendResponseHeaders(status, -1);
            exchange.close();
        });
        server.start();
        return server;
    }

    @ParameterizedTest
    @CsvSource({"404, HTTP 404 Not Found for path '/a/b?…'; check 'ws_options.path'", "401, HTTP 401",
        "403, ws_options.headers", "302, 'https://other.example/x'", "200, HTTP 200 OK", "500, HTTP 500"})
    void aWebServerIsNoBroker(int status, String expected) throws Exception {
        BlockingQueue<HttpExchange> seen = new LinkedBlockingQueue<>();
        HttpServer server = webServer(status, "https://other.example/x?t=" + SECRET, seen);
        try {
            String address = "127.0.0.1:" + server.getAddress().getPort();
            Map<String, Object> headers = Map.of("Authorization", "Bearer " + SECRET, "X-Name", "value");
            refused(Map.of("brokers", address, "transport", "WebSockets", "ws_options",
                    Map.of("path", "a/b?t=" + SECRET, "headers", headers)),
                    "connect " + address + ": WebSocket: ", expected);
            HttpExchange request = seen.poll(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
            assertEquals("/a/b?t=" + SECRET, request.getRequestURI().toString());
            headers.forEach((name, value) -> assertEquals(List.of(value), request.getRequestHeaders().get(name)));
            assertEquals(List.of("mqtt"), request.getRequestHeaders().get("Sec-WebSocket-Protocol"));
            assertEquals(List.of(address), request.getRequestHeaders().get("Host"));
            assertTrue(seen.isEmpty(), "one attempt");
        } finally {
            server.stop(0);
        }
    }

    @Test
    void otherPortsAreExplained() {
        refused(Map.of("brokers", BROKER.open(), "transport", "websockets"), "is this a WebSocket port?");
        refused(Map.of("brokers", BROKER.tls(), "transport", "websockets"), "is this a WebSocket port?", "'tls'");
        Map<String, Object> noTls = to(true);
        noTls.put("brokers", BROKER.ws());
        refused(noTls, "TLS");
        refused(Map.of("brokers", "broker.invalid", "transport", "websockets"), "broker.invalid:80:");
        noTls.put("brokers", "broker.invalid");
        refused(noTls, "broker.invalid:443:");
    }

    @Test
    void aWrongPasswordIsRefused() {
        Map<String, Object> wrong = to(true);
        wrong.put("username_pw", Map.of("username", "user01", "password", SECRET));
        AuthenticationException e = assertThrows(AuthenticationException.class, () -> writer(wrong).close());
        assertFalse(e.toString().contains(SECRET), e::toString);
    }

    @Test
    void aSilentServerIsGivenUp() {
        try (ScriptedBroker silent = ScriptedBroker.silent()) {
            long begin = System.nanoTime();
            refused(Map.of("brokers", silent.address(), "transport", "websockets", "connection_timeout", 0.5), "500ms");
            assertTrue(System.nanoTime() - begin < LIMIT.toNanos());
        }
    }

    @Test
    void writersAndReadersComeBack() throws Exception {
        Map<String, Object> parameters = new LinkedHashMap<>(to(false));
        parameters.put("reconnect_delay", Map.of("min_delay", 0.02, "max_delay", 0.1));
        try (Proxy proxy = new Proxy(BROKER.wsPort())) {
            parameters.put("brokers", proxy.address());
            try (MessageReader<String> reader = Clients.textReader("replaced", topic).parameters(parameters).build()
                    .getReader();
                    MessageWriter<String> writer = Clients.textWriter("replaced", topic).parameters(parameters)
                            .consistency(Consistency.AT_LEAST_ONCE).build().getWriter()) {
                writer.write("before");
                assertEquals("before", reader.read().getValue());
                proxy.cut();
                Await.until("both are back", () -> reader.getInfo("connection.reconnects").equals(1L)
                        && writer.getInfo("connection.reconnects").equals(1L));
                reader.ping(LIMIT); // when it answers, the reader is subscribed
                writer.write("after");
                assertEquals("after", reader.read().getValue());
            }
        }
    }

    @Test
    void optionsWithoutWebSocketHaveNoEffect() {
        try (LogCapture log = new LogCapture();
                MessageWriter<String> writer = writer(Map.of("brokers", BROKER.open(), "ws_options", Map.of("path", "/x")))) {
            writer.write("hello");
            assertEquals(1, log.warnings().size(), () -> log.warnings().toString());
            assertTrue(log.warnings().get(0).contains("'ws_options' has no effect"), () -> log.warnings().toString());
        }
    }

    @Test
    void wrongOptionsAreRefused() {
        Map<String, Object> bad = new LinkedHashMap<>();
        bad.put("path", "/ " + SECRET);
        bad.put("headers", Map.of("X-Number", 5, "X-Lines", SECRET + "\r\nA: b", "Upgrade", SECRET));
        for (Object options : List.of(bad, "/" + SECRET)) {
            InvalidConfigurationException e = assertThrows(InvalidConfigurationException.class,
                    () -> writer(Map.of("brokers", BROKER.ws(), "transport", "websockets", "ws_options", options)).close());
            List<String> parts = options == bad ? List.of("ws_options.path", "X-Number", "X-Lines", "Upgrade")
                    : List.of("'ws_options'");
            parts.forEach(part -> assertTrue(e.getMessage().contains(part), e::getMessage));
            assertFalse(e.toString().contains(SECRET), e::toString);
        }
    }
}
