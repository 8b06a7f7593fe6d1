package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLHandshakeException;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Processes;

/** Certificates as people make them with OpenSSL, on OpenSSL's own server, and the errors that a Java program gets for them. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class OpensslTest {
    private static final int JAVA_OF_THE_TABLE = 17;

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
        ConnectionException e = shown("server", Map.of("ca_certs", folder.resolve("ca.pem").toString()));
        assertTrue(e.getMessage().contains(words), e::getMessage);
        assertFalse(e.getMessage().matches(".*(Other|Error|Context|Unsupported|\\{).*"), e::getMessage);
        Throwable cause = assertInstanceOf(SSLHandshakeException.class, e.getCause());
        assertInstanceOf(CertificateException.class, cause.getCause());
    }

    /** Compares this client and Java's own, with a trust store, for each certificate of the table in docs/tls.md. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "ca | signed | | true",
        "other | forged | not signed by a trusted authority | false",
        "keys | by-keys | not signed by a trusted authority | false",
        "plain | by-plain | not signed by a trusted authority | false",
        "alone | alone | | true",
        "signed | signed | | true",
        "old | by-old | | true",
        "clients | by-clients | | true",
        "middle | by-middle | | true",
        "ca | enciphers | digitalSignature | false",
    })
    void aTrustStoreMeansWhatItMeansForJava(String trusted, String shown, String words, boolean java) throws Exception {
        Path store = folder.resolve("trusted.p12");
        KeyStore trust = KeyStore.getInstance("PKCS12");
        trust.load(null, null);
        try (InputStream in = Files.newInputStream(made(trusted))) {
            trust.setCertificateEntry("it", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        try (OutputStream out = Files.newOutputStream(store)) {
            trust.store(out, "changeit".toCharArray());
        }
        made(shown);
        assertEquals(java, isAcceptedByJava(shown, trust), "Java's own client");
        ConnectionException e = shown(shown,
                Map.of("trustStore", store.toString(), "trustStorePassword", "changeit"));
        assertEquals(words == null, e == null, () -> String.valueOf(e));
        assertTrue(e == null || e.getMessage().contains(words), () -> e.getMessage());
    }

    /** Tests the algorithms of the JDK's own list, and others; see the table of docs/tls.md. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "rsa:2048 | rsa:2048 | -md5 | false",
        "rsa:2048 | rsa:2048 | -sha1 | true",
        "rsa:2048 | rsa:1008 | -sha256 | false",
        "rsa:2048 | rsa:1024 | -sha256 | true",
        "rsa:1008 | rsa:2048 | -sha256 | false",
        "rsa:1024 | rsa:2048 | -sha256 | true",
        "rsa:2048 | ec -pkeyopt ec_paramgen_curve:prime192v1 | -sha256 | false",
        "ec -pkeyopt ec_paramgen_curve:prime192v1 | rsa:2048 | -sha256 | false",
        "rsa:2048 | rsa:2048 | -sha224 | true",
    })
    void whatTheJdkForbidsIsRefused(String authorityKey, String key, String digest, boolean java) throws Exception {
        bash("openssl req -x509 -newkey " + authorityKey + " -nodes -subj /CN=weak -keyout weak-ca.key -out weak-ca.pem\n"
                + "openssl req -newkey " + key + " -nodes -subj /CN=localhost -keyout weak.key -out weak.csr\n"
                + "echo subjectAltName=DNS:localhost > extensions\n"
                + "openssl x509 -req -in weak.csr -CA weak-ca.pem -CAkey weak-ca.key -CAcreateserial -extfile extensions"
                + " -out weak.pem " + digest);
        KeyStore trust = KeyStore.getInstance("PKCS12");
        trust.load(null, null);
        try (InputStream in = Files.newInputStream(folder.resolve("weak-ca.pem"))) {
            trust.setCertificateEntry("it", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        if (!java || Runtime.version().feature() == JAVA_OF_THE_TABLE) { // a later JDK may refuse more
            assertEquals(java, isAcceptedByJava("weak", trust), "Java's own client");
        }
        assertNotNull(shown("weak", Map.of("ca_certs", folder.resolve("weak-ca.pem").toString())));
    }

    /** Returns a certificate of the table, which is made on demand and signed with its signer's key. */
    private static Path made(String name) throws Exception {
        Path file = folder.resolve(name + ".pem");
        if (Files.exists(file)) {
            return file;
        }
        String signer = name.startsWith("by-") ? name.substring(3)
                : name.equals("forged") ? "other" : List.of("signed", "other", "middle", "enciphers").contains(name) ? "ca" : name;
        if (!signer.equals(name)) {
            made(signer);
        }
        String end = "basicConstraints=CA:FALSE\nsubjectAltName=DNS:localhost";
        String authority = "basicConstraints=critical,CA:TRUE";
        Map<String, String> extensions = Map.of("other", "basicConstraints=CA:FALSE\nsubjectAltName=DNS:other.example.org",
                "keys", authority + "\nkeyUsage=digitalSignature", "plain", "subjectKeyIdentifier=hash",
                "old", authority, "clients", authority + "\nextendedKeyUsage=clientAuth", "middle", authority,
                "enciphers", end + "\nkeyUsage=keyEncipherment");
        bash("openssl req -newkey rsa:2048 -nodes -subj /CN=" + name + " -keyout " + name + ".key -out request.csr\n"
                + "printf '" + extensions.getOrDefault(name, end).replace("\n", "\\n") + "\\n' > extensions\n"
                + "openssl x509 -req -in request.csr -extfile extensions -out " + name + ".pem "
                + (signer.equals(name) ? "-signkey " + name + ".key "
                        : "-CA " + signer + ".pem -CAkey " + signer + ".key -CAcreateserial ")
                + (name.equals("old") ? "-days -1" : ""));
        return file;
    }

    private static boolean isAcceptedByJava(String name, KeyStore trust) throws Exception {
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(trust);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, factory.getTrustManagers(), null);
        int port = freePort();
        Process server = server(name, port);
        try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("localhost", port)) {
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
            socket.setSSLParameters(parameters);
            socket.startHandshake();
            return true;
        } catch (SSLHandshakeException e) {
            return false;
        } finally {
            server.destroyForcibly().waitFor();
        }
    }

    /** Returns a client's error for a server with this certificate; null when the client gets as far as MQTT. */
    private static ConnectionException shown(String name, Map<String, ?> tls) throws Exception {
        int port = freePort();
        Process server = server(name, port);
        try {
            CompletableFuture<ConnectionException> refused = CompletableFuture.supplyAsync(
                    () -> assertThrows(ConnectionException.class, () -> Clients.textWriter("localhost:" + port, "t")
                            .parameter("tls", tls).build().getWriter().close()));
            Path log = folder.resolve("server.log");
            Await.until("MQTT, or a refusal", () -> refused.isDone() || read(log).contains("MQTT"));
            boolean spoke = read(log).contains("MQTT");
            server.destroyForcibly().waitFor();
            ConnectionException e = refused.get(30, TimeUnit.SECONDS);
            return spoke ? null : e;
        } finally {
            server.destroyForcibly().waitFor();
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file, StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return free.getLocalPort();
        }
    }

    /** Starts OpenSSL's server, which presents a certificate and prints its input. */
    private static Process server(String name, int port) throws Exception {
        Process server = Processes.start(new ProcessBuilder("openssl", "s_server", "-quiet", "-cipher", "ALL:@SECLEVEL=0",
                "-accept", "127.0.0.1:" + port, "-cert", name + ".pem", "-key", name + ".key").directory(folder.toFile())
                .redirectErrorStream(true).redirectOutput(folder.resolve("server.log").toFile()));
        for (int attempt = 0; !listens(port); attempt++) {
            assertTrue(attempt < 200 && server.isAlive(), () -> "openssl s_server does not start");
            Thread.sleep(20);
        }
        return server;
    }

    private static boolean listens(int port) {
        try (Socket socket = new Socket("127.0.0.1", port)) {
            return socket.isConnected();
        } catch (IOException e) {
            return false;
        }
    }
}
