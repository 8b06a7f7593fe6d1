package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertificateException;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import javax.net.ssl.SSLHandshakeException;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Processes;

/** Certificates as people make them with OpenSSL, shown by OpenSSL's own server: what a Java program hears of them. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class OpensslTest {
    @TempDir
    static Path folder;

    private static void bash(String commands) throws IOException, InterruptedException {
        Path out = folder.resolve("out");
        Process process = Processes.start(new ProcessBuilder("bash", "-e", "-c", commands).directory(folder.toFile())
                .redirectErrorStream(true).redirectOutput(out.toFile()));
        assertTrue(process.waitFor(30, TimeUnit.SECONDS), commands);
        assertEquals(0, process.exitValue(), () -> {
            try {
                return commands + Files.readString(out);
            } catch (IOException e) {
                return e.toString();
            }
        });
    }

    @BeforeAll
    static void makeAnAuthority() throws Exception {
        bash("openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=authority -keyout ca.key -out ca.pem");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "rsa:2048 | | | version 1 of X.509",
        "rsa:1024 | subjectAltName=DNS:localhost | | its RSA key has 1024 bits",
        "rsa:2048 | subjectAltName=DNS:localhost | -sha1 | signed with SHA-1",
        "rsa:2048 | subjectAltName=DNS:other.example.org | | is not for 'localhost': it is for 'other.example.org'",
        "rsa:2048 | subjectAltName=DNS:localhost,DNS:x | -days 0 | has expired: it was valid until",
    })
    void everyMistakeHasItsSentence(String key, String extensions, String more, String words) throws Exception {
        bash("openssl req -newkey " + key + " -nodes -subj /CN=localhost -keyout server.key -out server.csr\n"
                + "echo '" + (extensions == null ? "" : extensions) + "' > extensions\n"
                + "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem "
                + (extensions == null ? "" : "-extfile extensions ") + (more == null ? "" : more)
                + ("-days 0".equals(more) ? "\nsleep 1.1" : ""));
        int port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
        }
        Process server = Processes.start(new ProcessBuilder("openssl", "s_server", "-quiet", "-cipher", "ALL:@SECLEVEL=0",
                "-accept", "127.0.0.1:" + port, "-cert", "server.pem", "-key", "server.key").directory(folder.toFile())
                .redirectErrorStream(true).redirectOutput(folder.resolve("server.log").toFile()));
        try {
            for (int attempt = 0; !listens(port); attempt++) {
                assertTrue(attempt < 200 && server.isAlive(), () -> "openssl s_server does not start");
                Thread.sleep(20);
            }
            ConnectionException e = assertThrows(ConnectionException.class, () -> Clients.textWriter("localhost:" + port, "t")
                    .parameter("tls", Map.of("ca_certs", folder.resolve("ca.pem").toString())).build().getWriter().close());
            assertTrue(e.getMessage().contains(words), e::getMessage);
            assertFalse(e.getMessage().matches(".*(Other|Error|Context|Unsupported|\\{).*"), e::getMessage);
            Throwable cause = assertInstanceOf(SSLHandshakeException.class, e.getCause());
            assertInstanceOf(CertificateException.class, cause.getCause());
        } finally {
            server.destroyForcibly().waitFor();
        }
    }

    private static boolean listens(int port) {
        try (Socket socket = new Socket("127.0.0.1", port)) {
            return socket.isConnected();
        } catch (IOException e) {
            return false;
        }
    }
}
