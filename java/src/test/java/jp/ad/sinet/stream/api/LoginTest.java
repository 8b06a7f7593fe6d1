package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import jp.ad.sinet.stream.engine.boundary.EngineAccess;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Certificates;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.LogCapture;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.ScriptedBroker;
import jp.ad.sinet.stream.testing.Yaml;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** User names and passwords reach the broker from every source, and are not visible elsewhere. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class LoginTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    private static final String USER = "user01";
    private static final String WRONG = "Falsch-123";
    private static final String NOT_AUTHORIZED = "CONNACK code 5";

    @TempDir
    Path directory;

    @RegisterExtension
    final LogCapture log = new LogCapture();

    /** Writers and readers, opened in the same way. */
    enum Role {
        WRITER {
            @Override
            Object factory(Path file, Map<String, ?> parameters) {
                return MessageWriterFactory.<byte[]>builder().noConfig(file == null).configFile(file)
                        .parameters(parameters).build();
            }

            @Override
            MessageIO open(Object factory) {
                return ((MessageWriterFactory<?>) factory).getWriter();
            }
        },
        READER {
            @Override
            Object factory(Path file, Map<String, ?> parameters) {
                return MessageReaderFactory.<byte[]>builder().noConfig(file == null).configFile(file)
                        .parameters(parameters).build();
            }

            @Override
            MessageIO open(Object factory) {
                return ((MessageReaderFactory<?>) factory).getReader();
            }
        };

        abstract Object factory(Path file, Map<String, ?> parameters);

        abstract MessageIO open(Object factory);
    }

    private static Map<String, Object> login(Object user, Object password) {
        Map<String, Object> login = new LinkedHashMap<>();
        login.put("username", user);
        login.put("password", password);
        return login;
    }

    private static Map<String, Object> service(boolean tls) {
        Map<String, Object> service = new LinkedHashMap<>();
        service.put("type", "mqtt");
        service.put("brokers", tls ? BROKER.tls() : BROKER.login());
        service.put("topic", Clients.topic());
        if (tls) {
            service.put("tls", Map.of("ca_certs", Certificates.get().ca.toString()));
        }
        return service;
    }

    /** Opens and closes a client, and asserts that nothing that can be printed shows a secret. */
    private static void accepted(Role role, Path file, Map<String, ?> parameters, String secret) {
        Object factory = role.factory(file, parameters);
        MessageIO client = role.open(factory);
        client.close();
        for (Object printable : List.of(client, factory, client.getConfig())) {
            assertFalse(printable.toString().contains(secret), () -> "a secret in " + printable.getClass());
        }
    }

    /** Asserts that one connection is refused with the broker's code, and leaves no handle and no visible secret. */
    private static void refused(Role role, Path file, Map<String, ?> parameters, String secret) {
        String broker = parameters.containsValue(BROKER.tls()) ? BROKER.tls() : BROKER.login();
        int before = BROKER.connections(broker);
        Object factory = role.factory(file, parameters);
        AuthenticationException e = assertThrows(AuthenticationException.class, () -> role.open(factory).close());
        assertSame(AuthenticationException.class, e.getClass());
        assertTrue(e.getMessage().contains(NOT_AUTHORIZED) && e.getMessage().contains(broker), e.getMessage());
        StringWriter trace = new StringWriter();
        e.printStackTrace(new PrintWriter(trace, true));
        assertFalse(!secret.isEmpty() && (trace + factory.toString()).contains(secret), "a secret is shown");
        assertEquals(0, EngineAccess.liveHandles());
        assertEquals(before + 1, BROKER.connections(broker));
    }

    static Stream<Arguments> wrongLogins() {
        Map<String, Map<String, Object>> logins = new LinkedHashMap<>();
        logins.put("wrong password", login(USER, WRONG));
        logins.put("password of another user", login(USER, Broker.password("user02")));
        logins.put("other case", login(USER, Broker.password(USER).toUpperCase(Locale.ROOT)));
        logins.put("unknown user", login("nobody", Broker.password(USER)));
        logins.put("empty password", login(USER, ""));
        logins.put("empty user", login("", Broker.password(USER)));
        logins.put("no password", Map.of("username", USER));
        logins.put("null password", login(USER, null));
        logins.put("both null", login(null, null));
        logins.put("empty map", Map.of());
        logins.put("missing", null);
        return Stream.of(Role.values()).flatMap(role -> Stream.of(false, true).flatMap(tls -> logins.entrySet().stream()
                .map(each -> Arguments.of(role, tls ? "TLS" : "plain", each.getKey(), each.getValue()))));
    }

    @ParameterizedTest(name = "{0} {1}: {2}")
    @MethodSource("wrongLogins")
    void wrongLoginIsRefused(Role role, String transport, String name, Map<String, Object> login) throws IOException {
        Map<String, Object> service = service(transport.equals("TLS"));
        if (login != null) {
            service.put("username_pw", login);
        }
        Object password = login == null ? null : login.get("password");
        String secret = password == null ? "" : password.toString();
        refused(role, null, service, secret);

        Path file = Yaml.service(directory, 2, "svc", service);
        refused(role, file, Map.of("brokers", service.get("brokers")), secret);
    }

    static Stream<Arguments> places() {
        return Stream.of(Role.values()).flatMap(role -> Stream.of(0, 2, 3).flatMap(header -> Stream
                .of("username_pw", "username_pw_set").flatMap(name -> Stream.of(false, true)
                        .map(inside -> Arguments.of(role, header, name, inside)))));
    }

    private static Map<String, Object> placed(Map<String, Object> service, String name, boolean inTypeSpec,
            Object login) {
        service.put(inTypeSpec ? "type_spec" : name, inTypeSpec ? Map.of(name, login) : login);
        return service;
    }

    @ParameterizedTest(name = "{0}, header {1}, {2}, in type_spec: {3}")
    @MethodSource("places")
    void loginCountsWhereverItStands(Role role, int header, String name, boolean inTypeSpec) throws IOException {
        String password = Broker.password(USER);
        Map<String, Object> good = placed(service(false), name, inTypeSpec, login(USER, password));
        Map<String, Object> bad = placed(service(false), name, inTypeSpec, login(USER, WRONG));
        if (header == 0) { // also with the builder alone
            accepted(role, null, good, password);
            refused(role, null, bad, WRONG);
        }
        accepted(role, Yaml.service(directory, header, "svc", good), Map.of(), password);
        refused(role, Yaml.service(directory, header, "svc", bad), Map.of(), WRONG);
        assertEquals(List.of(), log.warnings());
    }

    @ParameterizedTest
    @CsvSource({"WRITER, user01", "READER, user02"})
    void goodLoginOverTls(Role role, String user) throws IOException {
        Map<String, Object> service = service(true);
        service.put("username_pw", login(user, Broker.password(user)));
        accepted(role, null, service, Broker.password(user));
        accepted(role, Yaml.service(directory, 3, "svc", service), Map.of(), Broker.password(user));
    }

    @ParameterizedTest
    @ValueSource(strings = {"WRITER", "READER"})
    void passwordMayBeBytesOrCharacters(Role role) throws IOException {
        String password = Broker.password(USER);
        Map<String, Object> service = service(false);
        service.put("username_pw", login(USER, password.getBytes(StandardCharsets.UTF_8)));
        accepted(role, null, service, password);
        accepted(role, Yaml.service(directory, 2, "svc", service), Map.of(), password);
        service.put("username_pw", login(USER, password.toCharArray()));
        accepted(role, null, service, password);
    }

    @ParameterizedTest
    @ValueSource(strings = {"WRITER", "READER"})
    void builderOverridesFile(Role role) throws IOException {
        Map<String, Object> good = login(USER, Broker.password(USER));
        Map<String, Object> bad = login(USER, WRONG);
        Path goodFile = Yaml.service(directory, 3, "svc", placed(service(false), "username_pw", true, good));
        Path badFile = Yaml.service(directory, 2, "svc", placed(service(false), "username_pw_set", false, bad));
        for (String name : List.of("username_pw", "username_pw_set")) {
            accepted(role, badFile, Map.of(name, good), Broker.password(USER));
            refused(role, goodFile, Map.of(name, bad), WRONG);
        }
    }

    @Test
    void typeSpecWinsOverTheServiceWithAWarning() throws IOException {
        Map<String, Object> service = placed(service(false), "username_pw", true,
                login(USER, Broker.password(USER)));
        service.put("username_pw", login(USER, WRONG));
        accepted(Role.WRITER, Yaml.service(directory, 3, "svc", service), Map.of(), WRONG);
        assertEquals(1, log.warnings().size(), log.warnings()::toString);
        assertTrue(log.warnings().get(0).contains("username_pw"), log.warnings()::toString);
        assertFalse(log.warnings().get(0).contains(WRONG));
    }

    @Test
    void nullsSayThatNobodyLogsIn() {
        Map<String, Object> service = service(false);
        service.put("username_pw", login(null, null));
        refused(Role.WRITER, null, service, "");
        assertTrue(log.warnings().toString().contains("username_pw"), log.warnings()::toString);
    }

    @Test
    void passwordIsHiddenInTheConfiguration() {
        Map<String, Object> service = service(false);
        service.put("username_pw", login(USER, Broker.password(USER)));
        try (MessageIO writer = Role.WRITER.open(Role.WRITER.factory(null, service))) {
            assertEquals(login(USER, "********"), writer.getConfig().get("username_pw"));
        }
    }

    @Test
    void loginIsSentWhereNoneIsNeeded() {
        Map<String, Object> service = service(false);
        service.put("brokers", BROKER.open());
        service.put("username_pw", login(USER, WRONG));
        accepted(Role.READER, null, service, WRONG);
    }

    @Test
    void oneBadLoginDoesNotDisturbOthers() {
        Map<String, Object> service = service(false);
        service.put("username_pw", login(USER, Broker.password(USER)));
        Map<String, Object> bad = new HashMap<>(service);
        bad.put("username_pw", login(USER, WRONG));
        try (MessageIO io = Role.WRITER.open(Role.WRITER.factory(null, service))) {
            assertThrows(AuthenticationException.class, () -> Role.WRITER.open(Role.WRITER.factory(null, bad)));
            assertEquals(1, EngineAccess.liveHandles());
            @SuppressWarnings("unchecked")
            MessageWriter<byte[]> writer = (MessageWriter<byte[]>) io;
            writer.write(new byte[] {1});
        }
    }

    @Test
    void changedPasswordCountsAtTheNextOpen() throws IOException {
        String user = "user03";
        Map<String, Object> service = service(false);
        service.put("username_pw", login(user, Broker.password(user)));
        for (Role role : Role.values()) {
            accepted(role, null, service, Broker.password(user));
        }
        BROKER.setPassword(user, "Neu-456");
        BROKER.reload();
        for (Role role : Role.values()) {
            refused(role, null, service, Broker.password(user));
        }
        service.put("username_pw", login(user, "Neu-456"));
        for (Role role : Role.values()) {
            accepted(role, null, service, "Neu-456");
        }
    }

    @Test
    void refusalIsFinal() {
        int attempts = 20;
        Map<String, Object> service = service(false);
        service.put("username_pw", login(USER, WRONG));
        int before = BROKER.connections(BROKER.login());
        for (int i = 0; i < attempts; i++) {
            assertThrows(AuthenticationException.class,
                    () -> Role.READER.open(Role.READER.factory(null, service)).close());
        }
        assertEquals(before + attempts, BROKER.connections(BROKER.login()));
    }

    @ParameterizedTest
    @CsvSource({"1, protocol version", "2, client id", "3, unavailable", "4, bad user name", "5, not authorized",
        "6, unknown", "255, unknown"})
    void everyRefusalHasItsException(int code, String words) {
        Class<? extends SinetStreamIOException> expected = code == 4 || code == 5 ? AuthenticationException.class
                : ConnectionException.class;
        try (ScriptedBroker broker = ScriptedBroker.connack(code)) {
            for (Role role : Role.values()) {
                Map<String, Object> service = service(false);
                service.put("brokers", broker.address());
                service.put("username_pw", login(USER, WRONG));
                SinetStreamException e = assertThrows(expected,
                        () -> role.open(role.factory(null, service)).close());
                assertSame(expected, e.getClass());
                for (String part : List.of("CONNACK code " + code, words, broker.address())) {
                    assertTrue(e.getMessage().contains(part), e.getMessage());
                }
                assertFalse(e.getMessage().contains(WRONG));
            }
            assertEquals(2, broker.connections());
        }
    }

    @Test
    void untrustedCertificateIsNotAskedForALogin() {
        Map<String, Object> service = service(true);
        service.put("tls", true);
        service.put("username_pw", login(USER, Broker.password(USER)));
        ConnectionException e = assertThrows(ConnectionException.class,
                () -> Role.WRITER.open(Role.WRITER.factory(null, service)).close());
        assertTrue(e.getMessage().contains("TLS") && e.getMessage().contains("ca_certs"), e.getMessage());
    }

    @Test
    void plainClientAtTheTlsPort() {
        Map<String, Object> service = service(true);
        service.put("tls", false);
        ConnectionException e = assertThrows(ConnectionException.class,
                () -> Role.WRITER.open(Role.WRITER.factory(null, service)).close());
        assertTrue(e.getMessage().contains("TLS port"), e.getMessage());
        assertFalse(e.getMessage().contains("handshake"), e.getMessage());
    }

    @Test
    void tlsClientAtThePlainPort() {
        Map<String, Object> service = service(true);
        service.put("brokers", BROKER.login());
        service.put("connection_timeout", 5);
        ConnectionException e = assertThrows(ConnectionException.class,
                () -> Role.READER.open(Role.READER.factory(null, service)).close());
        assertTrue(e.getMessage().contains("TLS"), e.getMessage());
    }

    @Test
    void hostNameIsChecked() {
        Map<String, Object> service = service(true);
        service.put("username_pw", login(USER, Broker.password(USER)));
        Map<String, Object> tls = new HashMap<>(Map.of("ca_certs", Certificates.get().ca.toString()));
        // Another name of 127.0.0.1, which the certificate does not have.
        service.put("brokers", BROKER.tls().replace("localhost", "[::ffff:127.0.0.1]"));
        service.put("tls", tls);
        ConnectionException e = assertThrows(ConnectionException.class,
                () -> Role.WRITER.open(Role.WRITER.factory(null, service)).close());
        assertTrue(e.getMessage().contains("certificate"), e.getMessage());
        tls.put("check_hostname", false);
        accepted(Role.WRITER, null, service, Broker.password(USER));
        tls.remove("check_hostname");
        service.put("tls_insecure_set", Collections.singletonMap("value", true));
        accepted(Role.WRITER, null, service, Broker.password(USER));
    }

    @Test
    void certificateFileIsChecked() throws IOException {
        Map<String, Object> service = service(true);
        service.put("tls", Map.of("ca_certs", directory.resolve("missing.pem").toString()));
        SinetStreamIOException e = assertThrows(SinetStreamIOException.class,
                () -> Role.WRITER.open(Role.WRITER.factory(null, service)).close());
        assertTrue(e.getMessage().contains("ca_certs") && e.getMessage().contains("missing.pem"), e.getMessage());
        service.put("tls", Map.of("ca_certs", Yaml.text(directory, "no: certificate\n").toString()));
        e = assertThrows(SinetStreamIOException.class,
                () -> Role.READER.open(Role.READER.factory(null, service)).close());
        assertTrue(e.getMessage().contains("ca_certs"), e.getMessage());
        assertEquals(0, EngineAccess.liveHandles());
    }
}
