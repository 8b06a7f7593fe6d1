package jp.ad.sinet.stream.utils;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Modifier;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.function.Executable;

import jp.ad.sinet.stream.api.AuthenticationException;
import jp.ad.sinet.stream.api.ConnectionException;
import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.Login;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.engine.boundary.KnownParameters;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Certificates;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.utils.MessageWriterFactory.MessageWriterFactoryBuilder;

/** Brokers, TLS and login as methods of the builders have the same effect as the parameters of these names. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class TypedBuilderTest {
    @RegisterExtension
    static final Broker BROKER = new Broker(Broker.Listener.TLS, Broker.Listener.CERTIFICATE, Broker.Listener.LOGIN);

    private final String topic = Clients.topic();

    private static Tls.Builder trusting() {
        return Tls.builder().caCerts(Certificates.get().ca);
    }

    private MessageWriterFactoryBuilder<String> writer() {
        return Clients.textWriter("replaced", topic);
    }

    private void exchanged(String address, Tls tls) {
        try (MessageReader<String> reader = Clients.textReader("replaced", topic).brokers(address).tls(tls)
                .login("user01", Broker.password("user01")).build().getReader();
                MessageWriter<String> writer = writer().brokers(address).tls(tls).login("user01", Broker.password("user01")).build()
                        .getWriter()) {
            writer.write("hello");
            assertEquals("hello", reader.read().getValue());
        }
    }

    private static void told(Class<? extends SinetStreamException> type, MessageWriterFactoryBuilder<String> builder, String... words) {
        SinetStreamException thrown = assertThrows(type, () -> builder.build().getWriter().close());
        for (String word : words) {
            assertTrue(thrown.getMessage().contains(word), () -> word + " is not in: " + thrown.getMessage());
        }
    }

    @Test
    void aMessageGoesByTlsWithALogin() {
        exchanged(BROKER.tls(), trusting().tlsVersion("TLSv1.3").checkHostname(true).build());
    }

    @Test
    void aClientCertificateMayBeFilesOrAStore() throws Exception {
        Certificates certificates = Certificates.get();
        exchanged(BROKER.byCertificate(), trusting().certfile(certificates.client).keyfile(certificates.clientKey).build());
        exchanged(BROKER.byCertificate(), Tls.builder().trustStore(certificates.trustStore)
                .trustStorePassword(Certificates.STORE_PASSWORD).certfile(certificates.client).keyfile(certificates.clientKey).build());
    }

    @Test
    void aBrokerIsAHostAndAPort() {
        try (MessageWriter<String> writer = writer().broker("127.0.0.1", BROKER.loginPort())
                .login("user01", Broker.password("user01")).build().getWriter()) {
            assertEquals(List.of("127.0.0.1:" + BROKER.loginPort()), writer.getConfig().get("brokers"));
        }
        assertEquals(List.of("[::1]:1883"), writer().broker("::1", 1883).build().getParameters().get("brokers"));
        assertEquals(List.of("[::1]:1883"), writer().broker("[::1]", 1883).build().getParameters().get("brokers"));
        told(InvalidConfigurationException.class, writer().broker("localhost", 70000), "'brokers", "localhost:70000");
        told(AuthenticationException.class, writer().broker("127.0.0.1", BROKER.loginPort()).login("user01", "wrong"), "user01");
    }

    @Test
    void errorsNameTheParameter() {
        told(SinetStreamException.class, writer().brokers(BROKER.tls()).tls(Tls.builder().caCerts(Path.of("/nowhere/ca.pem")).build()),
                "'tls.ca_certs'", "/nowhere/ca.pem");
        told(InvalidConfigurationException.class, writer().brokers(BROKER.tls()).tls(trusting().tlsVersion("1.9").build()),
                "'tls.tls_version'");
        // Without settings TLS trusts the authorities of the JVM, to which the test's authority does not belong.
        told(ConnectionException.class, writer().brokers(BROKER.tls()).tls(Tls.builder().build()), "TLS");
    }

    @Test
    void anArgumentThatMayNotBeNullIsToldByItsName() {
        String[] none = null;
        toldNull("brokers", () -> writer().brokers(none));
        toldNull("host", () -> writer().broker(null, 1));
        toldNull("username", () -> writer().login(null, "hunter2"));
        toldNull("password", () -> writer().login("user01", null));
        toldNull("parameters", () -> writer().parameters(null));
        toldNull("stream", () -> writer().configStream(null));
        toldNull("name", () -> writer().configResource(null));
        toldNull("topics", () -> Clients.textReader("replaced", topic).topics(null));
        toldNull("pins", () -> Tls.builder().pinSha256(none));
        toldNull("suites", () -> Tls.builder().ciphers(none));
        toldNull("protocols", () -> Tls.builder().alpn(none));
        toldNull("name", () -> Tls.builder().parameter(null, "x"));
        toldNull("token", () -> Login.token(null));
    }

    private static void toldNull(String name, Executable call) {
        assertEquals(name, assertThrows(NullPointerException.class, call).getMessage());
    }

    @Test
    void theyAreTheParametersOfTheirNames() {
        MessageWriterFactoryBuilder<String> builder = MessageWriterFactory.<String>builder().brokers("a:1", "b")
                .tls(Tls.builder().caCerts(Path.of("ca.pem")).alpn("mqtt").keyfilePassword(null).build()).login("u", "hunter2");
        assertEquals(Map.of("brokers", List.of("a:1", "b"), "tls", Map.of("ca_certs", Path.of("ca.pem"), "alpn", List.of("mqtt")),
                "username_pw", Map.of("username", "u", "password", "hunter2")), builder.build().getParameters());
        assertTrue(!builder.toString().contains("hunter2"), builder::toString);
        assertEquals(Set.of("username_pw"), builder.brokers().tls(null).build().getParameters().keySet());
        assertEquals(Collections.emptyMap(), builder.clearParameters().build().getParameters());
        assertEquals("Tls(keyfile, keyfilePassword)",
                Tls.builder().keyfile(Path.of("k")).keyfilePassword("hunter2").build().toString());
    }

    /**
     * Each parameter inside {@code tls} has a method, except other spellings, stores as data, and parameters with only one
     * value.
     */
    @Test
    void eachParameterOfTlsHasAMethod() {
        Set<String> known = KnownParameters.all().keySet().stream().filter(name -> name.matches("tls\\.[^.]+"))
                .map(name -> name.substring(4)).collect(Collectors.toCollection(TreeSet::new));
        known.removeAll(Set.of("keyfile_password", "cert_reqs", "trustStore_data", "keyStore_data"));
        Set<String> methods = Arrays.stream(Tls.Builder.class.getDeclaredMethods())
                .filter(each -> Modifier.isPublic(each.getModifiers()) && !Set.of("build", "parameter").contains(each.getName()))
                .map(each -> each.getName()).collect(Collectors.toCollection(TreeSet::new));
        assertEquals(known.stream().map(TypedBuilderTest::camel).collect(Collectors.toCollection(TreeSet::new)), methods);
    }

    private static String camel(String name) {
        String[] words = name.split("_");
        return words[0] + Arrays.stream(words).skip(1).map(word -> word.substring(0, 1).toUpperCase() + word.substring(1))
                .collect(Collectors.joining());
    }
}
