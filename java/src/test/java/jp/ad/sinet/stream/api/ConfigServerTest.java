package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** The builders' methods for a configuration server; the Rust tests cover the failures of the server. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class ConfigServerTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    @TempDir
    Path directory;

    private HttpServer server;
    private volatile int loginStatus = 201;

    @BeforeEach
    void startServer() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/api/v1/authentication",
                exchange -> answer(exchange, loginStatus, "{\"accessToken\": \"t\"}"));
        server.createContext("/api/v1/configs/conf", exchange -> answer(exchange, 200,
                "{\"name\": \"conf\", \"attachments\": [], \"secrets\": [], \"config\": {\"header\": {\"version\": 3}, "
                        + "\"config\": {\"svc\": {\"type\": \"mqtt\", \"topic\": \"" + Clients.topic()
                        + "\", \"brokers\": \"" + BROKER.open() + "\", \"value_type\": \"text\"}}}}"));
        server.start();
    }

    @AfterEach
    void stopServer() {
        server.stop(0);
    }

    private static void answer(HttpExchange exchange, int status, String json) throws IOException {
        byte[] body = json.getBytes(StandardCharsets.UTF_8);
        exchange.getRequestBody().readAllBytes();
        exchange.sendResponseHeaders(status, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    private Path authFile() throws IOException {
        String address = "http://127.0.0.1:" + server.getAddress().getPort();
        return Files.writeString(directory.resolve("auth.json"), "{\"config-server\": {\"address\": \"" + address
                + "\", \"user\": \"me\", \"secret-key\": \"hunter2\"}}");
    }

    @Test
    void aProgramWithTheNameOfAConfigurationWritesAndReads() throws IOException {
        Path auth = authFile();
        String topic = Clients.topic();
        try (MessageReader<String> reader = MessageReaderFactory.<String>builder().service("svc").configName("conf")
                .authFile(auth).topic(topic).receiveTimeout(Clients.RECEIVE_LIMIT).build().getReader();
                MessageWriter<String> writer = MessageWriterFactory.<String>builder().configName("conf")
                        .authFile(auth).topic(topic).build().getWriter()) {
            writer.write("by name");
            assertEquals("by name", reader.read().getValue());
            assertEquals("svc", writer.getService());
        }
    }

    @Test
    void aRefusedLoginIsAnAuthenticationException() throws IOException {
        loginStatus = 401;
        Path auth = authFile();
        AuthenticationException e = assertThrows(AuthenticationException.class, () -> MessageWriterFactory
                .<String>builder().configName("conf").authFile(auth).build().getWriter().close());
        assertTrue(e.getMessage().contains(auth.toString()) && !e.getMessage().contains("hunter2"), e::getMessage);
        assertThrows(NoConfigException.class, () -> MessageReaderFactory.<String>builder().configName("conf")
                .authFile(directory.resolve("none")).build().getReader().close());
    }
}
