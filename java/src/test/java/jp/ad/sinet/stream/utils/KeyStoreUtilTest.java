package jp.ad.sinet.stream.utils;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.testing.Background;
import jp.ad.sinet.stream.testing.Certificates;
import jp.ad.sinet.stream.testing.ChildJvm;
import jp.ad.sinet.stream.testing.LogCapture;
import jp.ad.sinet.stream.testing.Processes;

/** Key stores of PEM files, as a plugin for Kafka needs them. */
@Timeout(120)
class KeyStoreUtilTest {
    private static final String PASSWORD = "open-sesame";

    @TempDir
    Path directory;

    @RegisterExtension
    final LogCapture log = new LogCapture();

    private final Certificates certificates = Certificates.get();

    private static KeyStore store(Map<String, String> stores, String name) throws IOException, GeneralSecurityException {
        KeyStore store = KeyStore.getInstance(stores.get(name + "Type"));
        try (InputStream in = Files.newInputStream(Path.of(stores.get(name)))) {
            store.load(in, stores.get(name + "Password").toCharArray());
        }
        return store;
    }

    private Map<String, String> ofClient() {
        Map<String, String> tls = new HashMap<>();
        tls.put("ca_certs", certificates.ca.toString());
        tls.put("certfile", certificates.client.toString());
        tls.put("keyfile", certificates.clientKey.toString());
        return tls;
    }

    private String openssl(String output, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of("openssl"));
        Collections.addAll(command, arguments);
        String file = directory.resolve(output).toString();
        Collections.addAll(command, "-out", file);
        Processes.run(command);
        return file;
    }

    @Test
    void javaSpeaksTlsWithThem() throws Exception {
        Map<String, String> stores = KeyStoreUtil.setupKeyStore(ofClient());
        char[] password = stores.get("keyStorePassword").toCharArray();
        KeyManagerFactory own = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        own.init(store(stores, "keyStore"), password);
        TrustManagerFactory trusted = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trusted.init(store(stores, "trustStore"));
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(own.getKeyManagers(), trusted.getTrustManagers(), null);
        SSLContext server = certificates.serverThatKnowsTheAuthority();
        try (SSLServerSocket listening = (SSLServerSocket) server.getServerSocketFactory().createServerSocket(0)) {
            listening.setNeedClientAuth(true);
            Background<String> seen = Background.call(() -> {
                try (SSLSocket peer = (SSLSocket) listening.accept()) {
                    peer.getOutputStream().write(peer.getInputStream().read());
                    return peer.getSession().getPeerPrincipal().getName();
                }
            });
            try (SSLSocket socket = (SSLSocket) context.getSocketFactory().createSocket("localhost", listening.getLocalPort())) {
                socket.getOutputStream().write('x');
                assertEquals('x', socket.getInputStream().read());
            }
            assertEquals("CN=client-by-certificate", seen.get(Duration.ofSeconds(60)));
        }
    }

    @Test
    void onlyTheirOwnerCanReadThem() throws IOException {
        Map<String, String> stores = KeyStoreUtil.setupKeyStore(ofClient());
        Set<PosixFilePermission> owner = EnumSet.of(PosixFilePermission.OWNER_READ, PosixFilePermission.OWNER_WRITE,
                PosixFilePermission.OWNER_EXECUTE);
        for (String name : List.of("trustStore", "keyStore")) {
            Path store = Path.of(stores.get(name));
            if (store.getFileSystem().supportedFileAttributeViews().contains("posix")) {
                assertTrue(owner.containsAll(Files.getPosixFilePermissions(store)), store::toString);
                assertTrue(owner.containsAll(Files.getPosixFilePermissions(store.getParent())), store::toString);
            }
        }
        assertNotEquals(stores.get("trustStorePassword"), stores.get("keyStorePassword"));
        assertNotEquals(stores.get("keyStorePassword"), KeyStoreUtil.setupKeyStore(ofClient()).get("keyStorePassword"));
    }

    @Test
    void theyAreGoneWhenTheJvmHasEnded() throws IOException {
        ChildJvm.Result result = new ChildJvm().run("key-stores", certificates.ca.toString(), certificates.client.toString(),
                certificates.clientKey.toString());
        assertTrue(result.ended && result.exitCode == 0, result::toString);
        List<String> made = result.out.lines().filter(line -> line.endsWith(" true")).collect(Collectors.toList());
        assertEquals(2, made.size(), result::toString);
        for (String line : made) {
            Path store = Path.of(line.replace(" true", ""));
            assertFalse(Files.exists(store) || Files.exists(store.getParent()), line);
        }
    }

    /** Java's own classes accept only the first form. */
    @ParameterizedTest
    @CsvSource({
        "rsa, genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048, pkcs8 -topk8 -nocrypt",
        "rsa, genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048, rsa -traditional",
        "rsa, genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048, rsa -traditional -aes256 -passout pass:" + PASSWORD,
        "rsa, genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048, pkcs8 -topk8 -v2 aes-256-cbc -passout pass:" + PASSWORD,
        "ec, genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256, ec",
        "ec, genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256, pkcs8 -topk8 -v2 aes-256-cbc -passout pass:" + PASSWORD,
        "ec, genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521, ec -aes128 -passout pass:" + PASSWORD})
    void everyFormOfAKeyIsTaken(String kind, String making, String writing) throws Exception {
        String key = openssl("made.key", making.split(" "));
        String certificate = openssl("own.crt", "req", "-x509", "-new", "-key", key, "-subj", "/CN=own", "-days", "2");
        List<String> convert = new ArrayList<>(List.of(writing.split(" ")));
        convert.addAll(1, List.of("-in", key));
        String written = openssl("own.key", convert.toArray(new String[0]));
        Files.setPosixFilePermissions(Path.of(written), EnumSet.of(PosixFilePermission.OWNER_READ));
        Map<String, String> tls = new HashMap<>(Map.of("certfile", certificate, "keyfile", written, "ciphers", "not its matter"));
        if (writing.contains(PASSWORD)) {
            tls.put("keyfilePassword", PASSWORD);
        }
        Map<String, String> stores = KeyStoreUtil.setupKeyStore(tls);
        assertEquals(Set.of("keyStore", "keyStoreType", "keyStorePassword"), stores.keySet());
        KeyStore store = store(stores, "keyStore");
        Certificate[] chain = store.getCertificateChain("client");
        PrivateKey opened = (PrivateKey) store.getKey("client", stores.get("keyStorePassword").toCharArray());
        String algorithm = kind.equals("ec") ? "SHA256withECDSA" : "SHA256withRSA";
        Signature signer = Signature.getInstance(algorithm);
        signer.initSign(opened);
        Signature verifier = Signature.getInstance(algorithm);
        verifier.initVerify(chain[0]);
        assertTrue(verifier.verify(signer.sign()));
    }

    @Test
    void everyAuthorityOfTheFileIsTrusted() throws Exception {
        String key = openssl("other.key", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256");
        String other = openssl("other.crt", "req", "-x509", "-new", "-key", key, "-subj", "/CN=Other CA", "-days", "2");
        Path both = directory.resolve("both.pem");
        Files.writeString(both, Files.readString(certificates.ca) + Files.readString(Path.of(other)));
        Map<String, String> stores = KeyStoreUtil.setupKeyStore(Map.of("ca_certs", both.toString()));
        assertEquals(Set.of("trustStore", "trustStoreType", "trustStorePassword"), stores.keySet());
        assertEquals(2, Collections.list(store(stores, "trustStore").aliases()).size());
    }

    @Test
    void withoutPemFilesThereIsNothing() {
        assertEquals(Map.of(), KeyStoreUtil.setupKeyStore(Map.of()));
        assertEquals(Map.of(), KeyStoreUtil.setupKeyStore(Map.of("trustStore", "/own/trust.jks", "check_hostname", "false")));
        assertEquals(List.of(), log.warnings(), "whether TLS is on is for the plugin to decide");
        assertEquals("parameters", assertThrows(NullPointerException.class, () -> KeyStoreUtil.setupKeyStore(null)).getMessage());
    }

    @Test
    void whatIsWrongIsToldWithItsFileAndParameterAndNoSecret() throws IOException {
        Path missing = directory.resolve("missing.pem");
        assertTold(SinetStreamIOException.class, Map.of("ca_certs", missing.toString()), "tls.ca_certs", missing.toString());

        Path none = Files.writeString(directory.resolve("none.pem"), "nothing");
        assertTold(SinetStreamException.class, Map.of("ca_certs", none.toString()), "tls.ca_certs", none.toString());

        Map<String, String> mismatch = ofClient();
        mismatch.put("keyfile", certificates.serverKey.toString());
        assertTold(InvalidConfigurationException.class, mismatch, "tls.keyfile", certificates.serverKey.toString(),
                "for the certificate of 'certfile'", "kind EC");
        // Keytool writes a key like the client's without its public half, and openssl writes it with that half.
        mismatch.put("keyfile", openssl("other.key", "ecparam", "-name", "prime256v1", "-genkey", "-noout"));
        assertTold(InvalidConfigurationException.class, mismatch, "tls.keyfile", mismatch.get("keyfile"),
                "does not belong to the certificate");
        mismatch.put("keyfile", certificates.clientKey.toString());
        mismatch.put("certfile", openssl("other.crt", "req", "-x509", "-new", "-key", directory.resolve("other.key").toString(),
                "-subj", "/CN=other"));
        assertTold(InvalidConfigurationException.class, mismatch, "tls.keyfile", "does not belong to the certificate");

        Map<String, String> lonely = Map.of("keyfile", certificates.clientKey.toString());
        assertTold(InvalidConfigurationException.class, lonely, "tls.keyfile", "'certfile'");

        Map<String, String> closed = ofClient();
        closed.put("keyfile", openssl("closed.key", "pkcs8", "-topk8", "-in", certificates.clientKey.toString(), "-v2",
                "aes-256-cbc", "-passout", "pass:" + PASSWORD));
        assertTold(InvalidConfigurationException.class, closed, "tls.keyfile", "'keyfilePassword'");
        closed.put("keyfilePassword", "wr0ng-one");
        assertTold(InvalidConfigurationException.class, closed, "tls.keyfilePassword", "does not open");
    }

    private static void assertTold(Class<? extends SinetStreamException> kind, Map<String, String> tls, String... words) {
        String message = assertThrows(kind, () -> KeyStoreUtil.setupKeyStore(tls)).getMessage();
        for (String word : words) {
            assertTrue(message.contains(word), message);
        }
        assertFalse(message.contains("wr0ng-one"), message);
    }

    @Test
    void aKeyThatOthersCanReadIsAWarning() throws IOException {
        Path key = Files.copy(certificates.clientKey, directory.resolve("client.key"));
        Map<String, String> tls = ofClient();
        tls.put("keyfile", key.toString());
        if (key.getFileSystem().supportedFileAttributeViews().contains("posix")) {
            Files.setPosixFilePermissions(key, EnumSet.of(PosixFilePermission.OWNER_READ, PosixFilePermission.OTHERS_READ));
            KeyStoreUtil.setupKeyStore(tls);
            assertTrue(log.warnings().stream().anyMatch(warning -> warning.contains("tls.keyfile") && warning.contains("chmod")),
                    log.warnings()::toString);
        }
    }

    @Test
    void whatTheProgramHasStaysAsItIs() {
        Map<String, String> given = ofClient();
        Map<String, String> before = Map.copyOf(given);
        KeyStoreUtil.setupKeyStore(given).clear();
        assertEquals(before, given);
        assertArrayEquals(new Object[0], KeyStoreUtil.class.getConstructors());
    }
}
