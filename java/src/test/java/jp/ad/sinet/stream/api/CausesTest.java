package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.net.UnknownHostException;
import java.nio.charset.StandardCharsets;
import java.security.cert.CertificateException;
import java.util.Map;

import javax.net.ssl.SSLHandshakeException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;

import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Certificates;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;

/** The cause of a failure to connect is the exception that Java's own sockets throw. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class CausesTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    private static SinetStreamException failure(String brokers, Map<String, Object> parameters) {
        SinetStreamException e = assertThrows(SinetStreamException.class, () -> Clients.textWriter(brokers, "t")
                .parameter("connection_timeout", 2).parameters(parameters).build().getWriter().close());
        assertSame(e.getClass(), assertThrows(SinetStreamException.class, () -> Clients.textReader(brokers, "t")
                .parameter("connection_timeout", 2).parameters(parameters).build().getAsyncReader().close()).getClass());
        return e;
    }

    private static Throwable cause(Class<? extends SinetStreamException> type, Class<? extends Throwable> cause,
            SinetStreamException e) {
        assertSame(type, e.getClass(), e::toString);
        assertSame(cause, e.getCause().getClass(), e::toString);
        assertTrue(e.getCause().getMessage().length() > 10);
        return e.getCause();
    }

    @Test
    void namesAndPorts() throws IOException {
        cause(ConnectionException.class, UnknownHostException.class, failure("no-such-host.invalid", Map.of()));
        cause(ConnectionException.class, ConnectException.class, failure("127.0.0.1:1", Map.of()));
        // With several brokers, the last failure is the cause.
        cause(ConnectionException.class, ConnectException.class,
                failure("no-such-host.invalid, 127.0.0.1:1", Map.of()));
        try (ServerSocket silent = new ServerSocket(0, 50, InetAddress.getLoopbackAddress())) {
            cause(ConnectionException.class, SocketTimeoutException.class,
                    failure("127.0.0.1:" + silent.getLocalPort(), Map.of()));
        }
    }

    @Test
    void tls() {
        Throwable untrusted = cause(ConnectionException.class, SSLHandshakeException.class,
                failure(BROKER.tls(), Map.of("tls", true)));
        assertSame(CertificateException.class, untrusted.getCause().getClass());
        SinetStreamException plain = failure(BROKER.open(), Map.of("tls",
                Map.of("ca_certs", Certificates.get().ca.toString())));
        assertNull(cause(ConnectionException.class, SSLHandshakeException.class, plain).getCause());
        assertTrue(plain.getMessage().contains("leave out 'tls'"), plain::getMessage);
    }

    @Test
    void logins() {
        Throwable cause = cause(AuthenticationException.class, IOException.class, failure(BROKER.login(), Map.of()));
        assertEquals("the broker's CONNACK has the code 0x05", cause.getMessage());
        cause = cause(AuthenticationException.class, IOException.class,
                failure(BROKER.login(), Map.of("protocol", "MQTTv5")));
        assertEquals("the broker's CONNACK has the code 0x87", cause.getMessage());
    }

    @Test
    void otherPortsAreRecognised() throws Exception {
        told(failure(BROKER.tls(), Map.of()), "TLS port", "set 'tls'");
        told(failure(BROKER.tls(), Map.of("transport", "websockets")), "TLS", "set 'tls'");
        ServerSocket server = new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
        Thread answers = new Thread(() -> answer(server));
        answers.start();
        try {
            String address = "127.0.0.1:" + server.getLocalPort();
            told(failure(address, Map.of()), "HTTP port", "transport: websockets");
            told(failure(address, Map.of("tls", true)), "does not speak TLS", "leave out 'tls'");
        } finally {
            server.close();
            answers.join();
        }
    }

    private static void answer(ServerSocket server) {
        try {
            while (true) {
                try (Socket socket = server.accept()) {
                    socket.getInputStream().read();
                    socket.getOutputStream().write("HTTP/1.1 400 Bad Request\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
                    socket.shutdownOutput();
                    while (socket.getInputStream().read() >= 0) {
                        continue;
                    }
                }
            }
        } catch (IOException e) {
            // closed
        }
    }

    private static void told(SinetStreamException e, String... parts) {
        for (String part : parts) {
            assertTrue(e.getMessage().contains(part), () -> part + " in " + e.getMessage());
        }
    }
}
