package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.RandomAccessFile;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.engine.boundary.EngineAccess;
import jp.ad.sinet.stream.testing.Background;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Certificates;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.LogCapture;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Processes;
import jp.ad.sinet.stream.testing.Yaml;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** Key stores, client certificates and other parts of TLS in Java programs. */
@ExtendWith(NoLeaks.class)
class TlsTest {
    private static final String PASSWORD = "Geheim-store";
    private static final String WRONG = "Geheim-wrong";

    @RegisterExtension
    static final Broker BROKER = new Broker(Broker.Listener.TLS, Broker.Listener.CERTIFICATE);

    @TempDir
    Path directory;

    @RegisterExtension
    final LogCapture log = new LogCapture();

    private static Map<String, Object> service(String name, Map<String, ?> tls) {
        Map<String, Object> service = new LinkedHashMap<>();
        service.put("type", "mqtt");
        service.put("brokers", BROKER.byCertificate());
        service.put("topic", Clients.topic());
        service.put(name, tls);
        return service;
    }

    /** Sends a message from a writer to a reader, and asserts that nothing that can be printed shows the password. */
    private static void works(Path file, Map<String, ?> parameters) {
        MessageReaderFactory<String> readers = MessageReaderFactory.<String>builder().noConfig(file == null)
                .configFile(file).parameters(parameters).valueType(SimpleValueType.TEXT)
                .receiveTimeout(Clients.RECEIVE_LIMIT).build();
        MessageWriterFactory<String> writers = MessageWriterFactory.<String>builder().noConfig(file == null)
                .configFile(file).parameters(parameters).valueType(SimpleValueType.TEXT)
                .consistency(Consistency.AT_LEAST_ONCE).build();
        try (MessageReader<String> reader = readers.getReader(); MessageWriter<String> writer = writers.getWriter()) {
            writer.write("hello");
            assertEquals("hello", reader.read().getValue());
            for (Object printable : List.of(reader, writer, readers, writers, reader.getConfig())) {
                assertFalse(printable.toString().contains(PASSWORD), () -> "a secret in " + printable.getClass());
            }
        }
        assertTrue(BROKER.log().contains("u'client-by-certificate'"), "the certificate is the login");
    }

    /** Checks the parameters in the file and in the builder. */
    private void works(Map<String, ?> tls) throws IOException {
        works(null, service("tls", tls));
        works(Yaml.service(directory, 2, "svc", service("tls_set", tls)), Map.of());
        Map<String, Object> service = service("type_spec", Map.of("tls", tls));
        works(Yaml.service(directory, 3, "svc", service), Map.of());
    }

    /** Asserts that the client is refused before any connection is made, with these words, and without a secret. */
    private static void refused(Class<? extends SinetStreamException> type, Map<String, ?> tls, String... words) {
        int before = BROKER.connections(BROKER.byCertificate());
        SinetStreamException e = assertThrows(type, () -> open(tls));
        assertSame(type, e.getClass());
        StringWriter trace = new StringWriter();
        e.printStackTrace(new PrintWriter(trace, true));
        assertFalse(trace.toString().contains(PASSWORD) || trace.toString().contains(WRONG), "a secret is shown");
        for (String word : words) {
            assertTrue(e.getMessage().contains(word), () -> word + " is not in: " + e.getMessage());
        }
        assertEquals(0, EngineAccess.liveHandles());
        assertEquals(before, BROKER.connections(BROKER.byCertificate()));
    }

    private static void open(Map<String, ?> tls) {
        MessageWriterFactory.<byte[]>builder().noConfig(true).parameters(service("tls", tls)).build().getWriter()
                .close();
    }

    private String file(String name, byte[] content) throws IOException {
        Path file = Files.write(directory.resolve(name), content);
        mode(file, "rw-------");
        return file.toString();
    }

    private static void mode(Path file, String mode) throws IOException {
        Files.setPosixFilePermissions(file, PosixFilePermissions.fromString(mode));
    }

    private static Map<String, Object> with(Map<String, ?> map, String name, Object value) {
        Map<String, Object> changed = new LinkedHashMap<>(map);
        changed.put(name, value);
        return changed;
    }

    private Map<String, Object> stores(String type) throws IOException, GeneralSecurityException {
        Map<String, Object> tls = new LinkedHashMap<>();
        tls.put("trustStore", file("trust." + type, Certificates.get().trustStore(type, PASSWORD)));
        tls.put("trustStorePassword", PASSWORD);
        tls.put("keyStore", file("keys." + type, Certificates.get().keyStore(type, PASSWORD, "client")));
        tls.put("keyStorePassword", PASSWORD);
        return tls;
    }

    @ParameterizedTest(name = "{0}, type given: {1}")
    @CsvSource({"PKCS12, false", "PKCS12, true", "JKS, false", "JKS, true"})
    void storesAreOpened(String type, boolean given) throws IOException, GeneralSecurityException {
        Map<String, Object> tls = stores(type);
        if (given) {
            tls.put("trustStoreType", type);
            tls.put("keyStoreType", type);
        }
        works(tls);
        assertEquals(List.of(), log.warnings());
    }

    @ParameterizedTest
    @ValueSource(strings = {"PKCS12", "JKS"})
    void storesMayBeInTheConfiguration(String type) throws IOException, GeneralSecurityException {
        byte[] trusted = Certificates.get().trustStore(type, PASSWORD);
        byte[] keys = Certificates.get().keyStore(type, PASSWORD, "client");
        works(Map.of("trustStore_data", trusted, "trustStorePassword", PASSWORD, "keyStore_data", keys,
                "keyStorePassword", PASSWORD));
        works(Map.of("trustStore_data", Base64.getMimeEncoder().encodeToString(trusted), "trustStorePassword",
                PASSWORD, "keyStore_data", Base64.getEncoder().encodeToString(keys), "keyStorePassword", PASSWORD));
        assertEquals(List.of(), log.warnings());
        works(null, service("tls", Map.of("trustStore", "/nowhere/t", "trustStore_data", trusted,
                "trustStorePassword", PASSWORD, "keyStore_data", keys, "keyStorePassword", PASSWORD)));
        assertTrue(log.warnings().get(0).contains("'tls.trustStore' has no effect"), log.warnings()::toString);
    }

    @Test
    void pemAndStoresCanBeMixed() throws IOException, GeneralSecurityException {
        Certificates certificates = Certificates.get();
        Map<String, Object> stores = stores("PKCS12");
        works(Map.of("ca_certs", certificates.ca.toString(), "keyStore", stores.get("keyStore"), "keyStorePassword",
                PASSWORD));
        works(Map.of("trustStore", stores.get("trustStore"), "trustStorePassword", PASSWORD, "certfile",
                certificates.client.toString(), "keyfile", certificates.clientKey.toString()));
    }

    @Test
    void pemMayBeInTheConfiguration() throws IOException {
        Certificates certificates = Certificates.get();
        Map<String, Object> files = Map.of("ca_certs", certificates.ca.toString(), "certfile",
                certificates.client.toString(), "keyfile", certificates.clientKey.toString());
        works(files);
        Map<String, Object> texts = new LinkedHashMap<>();
        Map<String, Object> bytes = new LinkedHashMap<>();
        for (Map.Entry<String, Object> each : files.entrySet()) {
            Path path = Path.of((String) each.getValue());
            texts.put(each.getKey() + "_data", Files.readString(path));
            bytes.put(each.getKey() + "_data", Files.readAllBytes(path));
        }
        works(null, service("tls", texts));
        works(bytes);
    }

    /** Mosquitto does not name the authorities that it knows. */
    @ParameterizedTest
    @CsvSource({"PKCS12, TLSv1.2", "PKCS12, TLSv1.3", "JKS, TLSv1.3"})
    void anAliasChoosesOneOfSeveralKeys(String type, String version) throws IOException, GeneralSecurityException {
        String keys = file("keys", Certificates.get().storeOfTwoKeys(type, PASSWORD));
        Map<String, Object> tls = with(with(stores(type), "keyStore", keys), "tls_version", version);
        ConnectionException e = assertThrows(ConnectionException.class, () -> open(tls));
        assertTrue(e.getMessage().contains("'a-stranger'") && e.getMessage().contains("'keyStoreAlias'"),
                e::getMessage);
        works(null, service("tls", with(tls, "keyStoreAlias", "own")));
        works(null, service("tls", with(tls, "keyStoreAlias", "OWN")));
        refused(InvalidConfigurationException.class, with(tls, "keyStoreAlias", "other"), "'tls.keyStoreAlias'",
                "'other'", "[a-stranger, own]", keys);
        refused(InvalidConfigurationException.class, with(tls, "keyStoreAlias", ""), "'tls.keyStoreAlias'", "is empty");
    }

    @ParameterizedTest
    @ValueSource(strings = {"TLSv1.2", "TLSv1.3"})
    void ofSeveralKeysTheOneIsShownWhoseAuthorityTheBrokerNames(String version)
            throws IOException, GeneralSecurityException, ExecutionException, InterruptedException, TimeoutException {
        SSLContext context = Certificates.get().serverThatKnowsTheAuthority();
        String keys = file("keys", Certificates.get().storeOfTwoKeys("PKCS12", PASSWORD));
        try (SSLServerSocket server = (SSLServerSocket) context.getServerSocketFactory().createServerSocket(0)) {
            server.setNeedClientAuth(true);
            CompletableFuture<String> shown = new CompletableFuture<>();
            Background.run(() -> {
                try (SSLSocket socket = (SSLSocket) server.accept()) {
                    socket.startHandshake();
                    shown.complete(socket.getSession().getPeerPrincipal().getName());
                    socket.getInputStream().read();
                    socket.getOutputStream().write(new byte[] {0x20, 2, 0, 0});
                    while (socket.getInputStream().read() >= 0) {
                        continue;
                    }
                } catch (IOException e) {
                    shown.completeExceptionally(e);
                }
            });
            Map<String, Object> tls = with(with(stores("PKCS12"), "keyStore", keys), "tls_version", version);
            Map<String, Object> service = service("tls", tls);
            service.put("brokers", "localhost:" + server.getLocalPort());
            MessageWriterFactory.<byte[]>builder().noConfig(true).parameters(service).build().getWriter().close();
            assertEquals("CN=client-by-certificate", shown.get(Clients.RECEIVE_LIMIT.toMillis(), TimeUnit.MILLISECONDS));
        }
    }

    @ParameterizedTest
    @CsvSource({"PKCS12, trustStore", "PKCS12, keyStore", "JKS, trustStore", "JKS, keyStore"})
    void whatIsWrongWithAStoreIsTold(String type, String name) throws IOException, GeneralSecurityException {
        Map<String, Object> good = stores(type);
        String path = (String) good.get(name);
        String parameter = "'tls." + name + "'";
        refused(InvalidConfigurationException.class, with(good, name + "Password", WRONG), name + "Password'",
                "password does not open", path);
        Class<? extends SinetStreamException> io = SinetStreamIOException.class;
        refused(io, with(good, name, directory.resolve("missing").toString()), parameter, "missing",
                "does not exist");
        refused(io, with(good, name, directory.toString()), parameter, directory.toString(), "not a regular file");
        refused(io, with(good, name, file("text", "hello".getBytes())), parameter, "not a key store");
        refused(io, with(good, name, Certificates.get().client.toString()), parameter, "client.pem", "it is PEM",
                "'certfile' or 'ca_certs'");
        refused(InvalidConfigurationException.class, with(good, name + "Type", "ODD"), parameter, "'ODD'", "PKCS12");
        byte[] empty = Certificates.get().keyStore(type, PASSWORD);
        refused(io, with(good, name, file("empty", empty)), parameter, "holds no");
        Map<String, Object> data = with(good, name + "_data", "hello".getBytes());
        data.remove(name);
        refused(InvalidConfigurationException.class, data, "'tls." + name + "_data'", "not a key store");
        if (type.equals("JKS") && name.equals("trustStore")) {
            works(null, service("tls", without(good, name + "Password"))); // its certificates are not encrypted
        } else {
            refused(InvalidConfigurationException.class, without(good, name + "Password"), parameter, path, "missing");
        }
    }

    /** The engine checks the access rights of files that Java reads, too. */
    @Test
    void storesThatOthersCanWriteOrReadAreTold() throws IOException, GeneralSecurityException {
        Map<String, Object> tls = stores("PKCS12");
        Path keys = Path.of((String) tls.get("keyStore"));
        mode(keys, "rw-rw-rw-");
        refused(InvalidConfigurationException.class, tls, "'tls.keyStore'", "can be written by everybody (mode 0666)",
                "'chmod go-rwx " + keys + "' mends that", "SINETSTREAM_ALLOW_SHARED_FILES=1");
        mode(keys, "rw----r--");
        works(null, service("tls", tls));
        mode(keys, "rw-------");
        mode(Path.of((String) tls.get("trustStore")), "rw-rw-rw-");
        works(null, service("tls", tls));
        List<String> warnings = log.warnings();
        assertTrue(warnings.stream().anyMatch(warning -> warning.contains("keys.PKCS12 can be read by other users")),
                warnings::toString);
        assertTrue(warnings.get(warnings.size() - 1).contains("trust.PKCS12 can be written by everybody"),
                warnings::toString);
    }

    /** Reading from a pipe might never end, and this one has no writer. */
    @Test
    @Timeout(value = 60, threadMode = Timeout.ThreadMode.SEPARATE_THREAD) // opening a pipe cannot be interrupted
    void onlyRegularFilesOfABearableSizeAreRead() throws IOException, GeneralSecurityException {
        Path pipe = directory.resolve("pipe");
        Processes.run(List.of("mkfifo", pipe.toString()));
        Path large = directory.resolve("large");
        try (RandomAccessFile file = new RandomAccessFile(large.toFile(), "rw")) {
            file.setLength((16 << 20) + 1);
        }
        for (String name : List.of("trustStore", "keyStore", "ca_certs", "certfile", "keyfile")) {
            for (Path each : List.of(pipe, directory, large)) {
                Map<String, Object> tls = name.endsWith("Store") ? stores("PKCS12") : new LinkedHashMap<>(Map.of(
                        "certfile", Certificates.get().client.toString(), "keyfile",
                        Certificates.get().clientKey.toString()));
                refused(SinetStreamIOException.class, with(tls, name, each.toString()), "'tls." + name + "'",
                        each.toString(), each == large ? "larger than 16777216 bytes" : "not a regular file");
            }
        }
    }

    private Path opensslStore(String name, String password, String... options) throws IOException {
        Path store = directory.resolve(name);
        List<String> command = new ArrayList<>(List.of("openssl", "pkcs12", "-export", "-in",
                Certificates.get().client.toString(), "-inkey", Certificates.get().clientKey.toString(), "-out",
                store.toString(), "-passout", "pass:" + password));
        command.addAll(List.of(options));
        Processes.run(command);
        return store;
    }

    @Test
    void aStoreOfOpensslIsOpened() throws IOException {
        Map<String, Object> tls = Map.of("ca_certs", Certificates.get().ca.toString(), "keyStore",
                opensslStore("good.p12", PASSWORD).toString(), "keyStorePassword", PASSWORD);
        works(null, service("tls", tls));
    }

    @Test
    void aKeyWithoutACertificateIsRefused() throws IOException {
        String store = opensslStore("nocerts.p12", PASSWORD, "-nocerts").toString();
        Map<String, Object> tls = Map.of("keyStore", store, "keyStorePassword", PASSWORD);
        refused(SinetStreamIOException.class, tls, "'tls.keyStore'", store, "no private key with a certificate");
        refused(InvalidConfigurationException.class, without(tls, "keyStorePassword"), "'tls.keyStore'", store,
                "no private key with a certificate", "is 'keyStorePassword' missing?");
    }

    /** Without a password the JDK lists the key of such a store and hides its certificate. */
    @Test
    void anEmptyPasswordMustBeGiven() throws IOException {
        String store = opensslStore("empty-password.p12", "").toString();
        Map<String, Object> tls = Map.of("ca_certs", Certificates.get().ca.toString(), "keyStore", store);
        refused(InvalidConfigurationException.class, tls, "'tls.keyStore'", store, "is 'keyStorePassword' missing?");
        works(null, service("tls", with(tls, "keyStorePassword", "")));
    }

    @Test
    void aPasswordBeyondAsciiIsTold() throws IOException, GeneralSecurityException {
        String beyond = "Geheim-wrong-\u00fc\u65e5";
        String store = opensslStore("beyond.p12", beyond).toString();
        Map<String, Object> tls = Map.of("ca_certs", Certificates.get().ca.toString(), "keyStore", store,
                "keyStorePassword", beyond);
        if (opens(Path.of(store), beyond)) {
            works(null, service("tls", tls)); // later JDKs can read it
        } else {
            refused(InvalidConfigurationException.class, tls, "'tls.keyStorePassword'", store, "ASCII only");
        }
        SinetStreamException wrong = assertThrows(InvalidConfigurationException.class,
                () -> open(with(tls, "keyStorePassword", WRONG)));
        assertFalse(wrong.getMessage().contains("ASCII"), wrong::getMessage);
        // JKS accepts any password.
        String jks = file("beyond.jks", Certificates.get().keyStore("JKS", beyond, "client"));
        works(null, service("tls", Map.of("ca_certs", Certificates.get().ca.toString(), "keyStore", jks,
                "keyStorePassword", beyond, "keyStoreType", "JKS")));
    }

    private static boolean opens(Path store, String password) throws GeneralSecurityException {
        try (InputStream in = Files.newInputStream(store)) {
            KeyStore.getInstance("PKCS12").load(in, password.toCharArray());
            return true;
        } catch (IOException e) {
            return false;
        }
    }

    /** The message names the place of the password and, once, the store itself. */
    @Test
    void aMessageNamesItsPlaceOnce() throws IOException, GeneralSecurityException {
        String key = directory.resolve("encrypted.key").toString();
        Processes.run(List.of("openssl", "pkcs8", "-topk8", "-in", Certificates.get().clientKey.toString(), "-out",
                key, "-passout", "pass:" + PASSWORD));
        Map<String, Object> pem = Map.of("certfile", Certificates.get().client.toString(), "keyfile", key,
                "keyfilePassword", "");
        for (Map<String, Object> tls : List.of(pem, with(pem, "keyfilePassword", WRONG),
                with(stores("PKCS12"), "keyStorePassword", WRONG), with(stores("JKS"), "keyStorePassword", WRONG))) {
            Path file = Yaml.service(directory, 3, "svc", service("tls", tls));
            InvalidConfigurationException e = assertThrows(InvalidConfigurationException.class,
                    () -> MessageWriterFactory.<byte[]>builder().configFile(file).build().getWriter());
            String message = e.getMessage();
            for (String once : List.of(file.toString(), "service 'svc'", "parameter")) {
                int first = message.indexOf(once);
                assertTrue(first >= 0 && message.indexOf(once, first + 1) < 0, () -> once + " in " + message);
            }
            assertTrue(message.contains((String) tls.getOrDefault("keyStore", key)), message);
        }
    }

    private static Map<String, Object> without(Map<String, ?> map, String name) {
        Map<String, Object> changed = new LinkedHashMap<>(map);
        changed.remove(name);
        return changed;
    }

    @Test
    void theFileAndTheLineAreTold() throws IOException, GeneralSecurityException {
        Map<String, Object> service = service("tls", with(stores("PKCS12"), "keyStorePassword", WRONG));
        Path file = Yaml.service(directory, 3, "svc", service);
        InvalidConfigurationException e = assertThrows(InvalidConfigurationException.class,
                () -> MessageWriterFactory.<byte[]>builder().configFile(file).build().getWriter());
        assertTrue(e.getMessage().matches(java.util.regex.Pattern.quote(file.toString())
                + ":\\d+: service 'svc': parameter 'tls.keyStorePassword': the password does not open (?s:.*)"),
                e::getMessage);
    }

    @Test
    void aKeyOfAnotherCertificateIsRefused() {
        Certificates certificates = Certificates.get();
        refused(InvalidConfigurationException.class, Map.of("ca_certs", certificates.ca.toString(), "certfile",
                certificates.client.toString(), "keyfile", certificates.serverKey.toString()), "'tls.keyfile'",
                "does not belong to the certificate", certificates.client.toString());
        refused(InvalidConfigurationException.class, Map.of("certfile", certificates.client.toString()),
                "'tls.certfile'", "'keyfile' is missing");
    }

    @ParameterizedTest
    @ValueSource(strings = {"TLSv1.2", "TLSv1.3"})
    void aBrokerThatWantsACertificateSaysSo(String version) {
        Map<String, Object> tls = Map.of("ca_certs", Certificates.get().ca.toString(), "tls_version", version);
        ConnectionException e = assertThrows(ConnectionException.class, () -> open(tls));
        assertTrue(e.getMessage().contains("wants a client certificate") && e.getMessage().contains("'keyStore'"),
                e::getMessage);
    }

    @Test
    void anotherTrustStoreDoesNotTrustTheBroker() throws IOException, GeneralSecurityException {
        byte[] others = Certificates.get().keyStore("PKCS12", PASSWORD, "client");
        Map<String, Object> tls = with(stores("PKCS12"), "trustStore", file("others", others));
        ConnectionException e = assertThrows(ConnectionException.class, () -> open(tls));
        assertTrue(e.getMessage().contains("not signed by a trusted authority"), e::getMessage);
    }

    @ParameterizedTest
    @CsvSource({"PKCS12", "JKS"})
    void anEntryThatIsNoAuthorityStandsForItselfOnly(String type) throws IOException, GeneralSecurityException {
        Certificates certificates = Certificates.get();
        Map<String, Object> stores = stores(type);
        works(null, service("tls", with(stores, "trustStore", file("itself", certificates.storeOfServer(type, PASSWORD)))));
        // The certificate of an authority that accompanies its key is not a trusted one.
        byte[] own = certificates.storeOfAuthoritysKey(type, PASSWORD, false);
        ConnectionException e = assertThrows(ConnectionException.class,
                () -> open(with(stores, "trustStore", file("own", own))));
        assertTrue(e.getMessage().contains("not signed by a trusted authority"), e::getMessage);
        byte[] both = certificates.storeOfAuthoritysKey(type, PASSWORD, true);
        works(null, service("tls", with(stores, "trustStore", file("both", both))));
    }

    @Test
    void suitesAndVersionsAreChosenByName() throws IOException, GeneralSecurityException {
        Map<String, Object> tls = with(stores("PKCS12"), "tls_version", "TLSv1.2");
        works(null, service("tls", with(tls, "ciphers", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256")));
        works(null, service("tls", with(tls, "ciphers", List.of("ECDHE-RSA-AES256-GCM-SHA384"))));
        refused(InvalidConfigurationException.class, with(tls, "ciphers", "TLS_RSA_WITH_AES_128_CBC_SHA"),
                "'tls.ciphers'", "'TLS_RSA_WITH_AES_128_CBC_SHA' is not supported");
    }
}
