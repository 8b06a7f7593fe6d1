package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Named;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.engine.boundary.EngineAccess;
import jp.ad.sinet.stream.testing.ChildJvm;
import jp.ad.sinet.stream.testing.LogCapture;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Yaml;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageReaderFactory.MessageReaderFactoryBuilder;
import jp.ad.sinet.stream.utils.MessageWriterFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory.MessageWriterFactoryBuilder;

/**
 * Errors in a configuration are reported before any connection is made, with name and place; a valid configuration reaches
 * TCP.
 */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class ConfigurationTest {
    /** No broker listens at this address. */
    private static final String NOBODY = "127.0.0.1:1";
    private static final String SECRET = "hunter2";
    private static final Object ABSENT = Optional.empty();

    @TempDir
    Path directory;

    @RegisterExtension
    final LogCapture log = new LogCapture();

    @AfterEach
    void nothingIsOpen() {
        assertEquals(0, EngineAccess.liveHandles());
    }

    private static Map<String, Object> service(Object... namesAndValues) {
        Map<String, Object> service = new LinkedHashMap<>(Map.of("type", "mqtt", "brokers", NOBODY, "topic", "t"));
        for (int i = 0; i < namesAndValues.length; i += 2) {
            set(service, (String) namesAndValues[i], namesAndValues[i + 1]);
        }
        return service;
    }

    /** Sets a parameter; {@code a.b} is b inside of a. */
    @SuppressWarnings("unchecked")
    private static void set(Map<String, Object> map, String name, Object value) {
        int dot = name.indexOf('.');
        if (dot > 0) {
            Object inner = map.computeIfAbsent(name.substring(0, dot), each -> new LinkedHashMap<>());
            set((Map<String, Object>) inner, name.substring(dot + 1), value);
        } else if (value == ABSENT) {
            map.remove(name);
        } else {
            map.put(name, value);
        }
    }

    private static void openWriter(Map<String, ?> parameters) {
        MessageWriterFactory.<byte[]>builder().noConfig(true).parameters(parameters).build().getWriter().close();
    }

    private static void openReader(Map<String, ?> parameters) {
        MessageReaderFactory.<byte[]>builder().noConfig(true).parameters(parameters).build().getReader().close();
    }

    private static void openWriter(Path file) {
        MessageWriterFactory.<byte[]>builder().configFile(file).build().getWriter().close();
    }

    private static void openReader(Path file) {
        MessageReaderFactory.<byte[]>builder().configFile(file).build().getReader().close();
    }

    /** Asserts that exactly this exception is thrown, with all of these parts in its message. */
    private static void refused(Class<? extends SinetStreamException> type, Executable open, String... parts) {
        SinetStreamException e = assertThrows(SinetStreamException.class, open);
        assertSame(type, e.getClass(), e::toString);
        for (String part : parts) {
            assertTrue(e.getMessage().contains(part), () -> "'" + part + "' in: " + e.getMessage());
        }
        assertFalse(e.toString().contains(SECRET), "a secret is shown");
    }

    private static void invalid(Executable open, String... parts) {
        refused(InvalidConfigurationException.class, open, parts);
    }

    /** Asserts that the parameters are accepted, since the client tries to connect. */
    private static void accepted(Map<String, ?> parameters) {
        refused(ConnectionException.class, () -> openWriter(parameters), NOBODY);
        refused(ConnectionException.class, () -> openReader(parameters), NOBODY);
    }

    // ---- bad values

    private static void rows(List<Arguments> rows, String name, Object... values) {
        for (Object value : values) {
            rows.add(Arguments.of(name, Named.of(label(value), value)));
        }
    }

    /** Returns a value in a short form on one line. */
    private static String label(Object value) {
        String text = value == ABSENT ? "absent" : value instanceof String ? "'" + value + "'" : String.valueOf(value);
        String printable = text.replaceAll("[^ -~]+", "|");
        return printable.length() <= 60 ? printable : printable.substring(0, 57) + "...";
    }

    static List<Arguments> badValues() {
        String tooLong = "x".repeat(65_536);
        List<Arguments> rows = new ArrayList<>();
        rows(rows, "type", ABSENT, 5, true, List.of("mqtt"), Map.of("a", 1));
        rows(rows, "brokers", ABSENT, 1883, true, "", " ", "tcp://h:1", "h/x", "h:", "h:x", "h:0", "h:65536", "h:-1",
                ":1883", "[::1", "[h]:1", "a b:1", "me:" + SECRET + "@h:1", List.of(), List.of(1), List.of(""),
                Map.of("h", 1));
        rows(rows, "topic", ABSENT, "", 5, true, List.of(), List.of(1), List.of("a", ""), Map.of("a", 1), "a\0b",
                tooLong);
        rows(rows, "consistency", "AT_LEAST", "at_least_once", "", 1, true, List.of("AT_LEAST_ONCE"));
        rows(rows, "qos", 3, -1, "x", "", 1.5, true, List.of(1));
        rows(rows, "retain", "maybe", 1, List.of(), Map.of("a", 1));
        rows(rows, "value_type", "TEXT", "nope", "", 5, Map.of("name", "text"));
        rows(rows, "value_serializer", 5);
        rows(rows, "value_deserializer", List.of("x"));
        rows(rows, "receive_timeout_ms", "soon", -1, true, List.of(1));
        rows(rows, "write_timeout_ms", "soon", -1, true);
        rows(rows, "message_format", 1, 4, "2", 2.5, true);
        rows(rows, "tls", 5, "maybe", List.of(), List.of(true));
        rows(rows, "tls.check_hostname", "maybe", 5);
        rows(rows, "tls.ca_certs", 5, "", List.of());
        rows(rows, "tls.ca_certs_data", 5, "", List.of());
        rows(rows, "tls.keyfile", "key.pem");
        rows(rows, "tls.keyStore_data", 5, "no Base64", List.of());
        rows(rows, "tls.trustStore", 5, "");
        rows(rows, "tls.ciphers", 5, "AES128-SHA", List.of(), List.of(5));
        rows(rows, "tls_set.tls_version", 1.2, "TLSv1.1", "SSLv3");
        rows(rows, "tls_set.cert_reqs", "CERT_NONE", "CERT_OPTIONAL", 0);
        rows(rows, "tls_insecure_set.value", 5, "maybe");
        rows(rows, "username_pw", "me", List.of("me"), 5);
        rows(rows, "username_pw_set.username", 5, List.of("me"), "a\0b", tooLong);
        rows(rows, "username_pw_set", Map.of("username", "me", "password", 5), Map.of("username", "me", "password",
                tooLong), Map.of("password", SECRET));
        rows(rows, "type_spec.username_pw", "me");
        rows(rows, "type_spec", "x", List.of());
        rows(rows, "connect", "x", 5);
        rows(rows, "connect.keepalive", -1, 65_536, "x", true);
        rows(rows, "keepalive", -1);
        rows(rows, "connect.connection_timeout", 0, -1, "x", 3601, true, List.of());
        rows(rows, "connect.automatic_reconnect", "maybe", 1);
        rows(rows, "clean_session", "maybe", 1);
        rows(rows, "client_id", 5, true, List.of("me"), "a\0b", tooLong);
        rows(rows, "protocol", "MQTTv4", "mqttv311", "", 4);
        rows(rows, "transport", "udp", "ws", "", 5);
        rows(rows, "max_inflight_messages_set.inflight", 0, -1, 65_536, "x");
        rows(rows, "data_encryption", "maybe", 1);
        rows(rows, "data_compression", "maybe", 1);
        rows(rows, "user_data_only", "maybe", 1);
        return rows;
    }

    @ParameterizedTest(name = "{0}: {1}")
    @MethodSource("badValues")
    void badValueIsRefusedByName(String name, Object value) throws IOException {
        Map<String, Object> service = service(name, value);
        invalid(() -> openWriter(service), name);
        invalid(() -> openReader(service), name);
        for (int header : new int[] {0, 2, 3}) {
            Path file = Yaml.service(directory, header, "my-service", service);
            invalid(() -> openWriter(file), name, "my-service", file.toString());
            invalid(() -> openReader(file), name, "my-service", file.toString());
        }
    }

    @Test
    void topicsDependOnTheRole() throws IOException {
        invalid(() -> openWriter(service("topic", "a/+")), "topic");
        invalid(() -> openWriter(service("topic", List.of("a", "b"))), "topic");
        for (String filter : List.of("a/#/b", "a+", "#a")) {
            invalid(() -> openReader(service("topic", filter)), "topic");
            invalid(() -> openReader(service("topic", List.of("good", filter))), "topic");
        }
        for (String shared : List.of("$share/g/t", "$share/g", "$share//t")) {
            invalid(() -> openWriter(service("topic", shared)), "topic", "shared subscription");
        }
        for (String shared : List.of("$share/g", "$share/g/", "$share//t", "$share/+/t")) {
            invalid(() -> openReader(service("topic", shared)), "builder", "topic", "$share/group/topic");
            Path file = Yaml.service(directory, 3, "svc", service("topic", List.of("good", shared)));
            invalid(() -> openReader(file), file + ":", "'svc'", "topic", "$share/group/topic");
        }
        refused(ConnectionException.class, () -> openReader(service("topic", "$share/g/t/#")));
        refused(ConnectionException.class, () -> openReader(service("topic", List.of("a/+", "b/#"))));
        refused(ConnectionException.class, () -> openWriter(service("topic", List.of("a"))));
    }

    @Test
    void messageHasTheLine() throws IOException {
        Path file = Yaml.text(directory, "header:\n  version: 3\nconfig:\n  svc:\n    type: mqtt\n    brokers: h\n"
                + "    topic: t\n    type_spec:\n      qos: 7\n");
        invalid(() -> openWriter(file), file + ":9:", "type_spec.qos", "from 0 to 2");
    }

    @Test
    void allProblemsAreToldAtOnce() {
        invalid(() -> openWriter(service("qos", 7, "retain", "maybe", "topic", "")), "qos", "retain", "topic");
    }

    @Test
    void goodValuesAreAccepted() {
        accepted(service("qos", "2", "retain", "true", "consistency", "AT_LEAST_ONCE", "message_format", 2,
                "receive_timeout_ms", "100", "connect.keepalive", "0", "connect.connection_timeout", 2.5,
                "clean_session", "false", "client_id", "me", "protocol", "MQTTv311", "transport", "TCP",
                "max_inflight_messages_set.inflight", 1, "tls", false, "data_encryption", "no"));
        accepted(service("brokers", List.of(NOBODY), "tls", "false", "value_type", "text", "qos", BigInteger.ONE,
                "retain", null, "connect", null, "client_id", " "));
        assertEquals(List.of(), log.warnings());
    }

    // ---- parameters that are known, but not supported

    @ParameterizedTest
    @ValueSource(strings = {"http_transport"})
    void whatIsNotBuiltIsRefusedByName(String name) throws IOException {
        Map<String, Object> service = service(name, SECRET);
        invalid(() -> openWriter(service), name, "not supported");
        Path file = Yaml.service(directory, 3, "svc", service);
        invalid(() -> openReader(file), name, "not supported");
    }

    @Test
    void everyBrokerOfAListIsTold() {
        for (Object brokers : List.of(List.of("a.invalid", "b.invalid:1"), "a.invalid, b.invalid:1")) {
            ConnectionException failure = assertThrows(ConnectionException.class,
                    () -> openWriter(service("brokers", brokers)));
            assertTrue(failure.getMessage().contains("a.invalid:1883"), failure::getMessage);
            assertTrue(failure.getMessage().contains("b.invalid:1:"), failure::getMessage);
        }
    }

    @Test
    void theConfigurationServerIsRefusedBesideNoConfigAndWithATransport() {
        MessageWriterFactoryBuilder<byte[]> writer = MessageWriterFactory.<byte[]>builder().noConfig(true)
                .parameters(service());
        invalid(() -> writer.debugHttpTransport(new Object()).build().getWriter().close(), "http_transport");
        invalid(() -> writer.configName("c").build().getWriter().close(), "config_name", "no_config");
        MessageReaderFactoryBuilder<byte[]> reader = MessageReaderFactory.<byte[]>builder().noConfig(true)
                .parameters(service());
        invalid(() -> reader.debugHttpTransport(new Object()).build().getReader().close(), "http_transport");
        invalid(() -> reader.configName("c").build().getReader().close(), "config_name", "no_config");
    }

    @Test
    void encryptedValueNeedsThePrivateKey() throws IOException {
        Path file = Yaml.text(directory, "svc:\n  type: mqtt\n  brokers: h\n  topic: t\n  username_pw:\n"
                + "    username: me\n    password: !sinetstream/encrypted " + SECRET + "\n");
        invalid(() -> openWriter(file), "username_pw.password", "encrypted");
    }

    // ---- warnings

    @Test
    void unknownParameterIsAWarningWithTheNearestName() throws IOException {
        refused(ConnectionException.class, () -> openWriter(service("brokrs", "x")));
        refused(ConnectionException.class, () -> openReader(service("conect.keepalive", 5)));
        refused(ConnectionException.class, () -> openWriter(service("tls", Map.of("check_hostnam", SECRET))));
        Path file = Yaml.service(directory, 2, "svc", service("username_pw_sett", SECRET, "nothing_like_it_here", 1));
        refused(ConnectionException.class, () -> openWriter(file));
        List<String> warnings = log.warnings();
        assertEquals(5, warnings.size(), warnings::toString);
        List<List<String>> expected = List.of(List.of("brokrs", "'brokers'"), List.of("conect"),
                List.of("tls.check_hostnam", "'check_hostname'"), List.of("username_pw_sett", "'username_pw", "svc"),
                List.of("nothing_like_it_here", "not known", file.toString()));
        for (List<String> parts : expected) {
            assertTrue(warnings.stream().anyMatch(each -> parts.stream().allMatch(each::contains)),
                    () -> parts + " in " + warnings);
        }
        assertFalse(warnings.toString().contains(SECRET), warnings::toString);
        assertFalse(warnings.toString().contains("nothing_like_it_here' is not known and is ignored; did"),
                warnings::toString);
    }

    @Test
    void whatHasNoEffectIsAWarning() {
        refused(ConnectionException.class, () -> openWriter(service("thread_pool_num", 4)));
        refused(ConnectionException.class, () -> openWriter(service("tls", Map.of())));
        refused(ConnectionException.class, () -> openWriter(service("tls_insecure", Map.of("value", true))));
        refused(ConnectionException.class,
                () -> openWriter(service("data_encryption", false, "crypto", Map.of("key_length", 128))));
        List<String> warnings = log.warnings();
        assertEquals(4, warnings.size(), warnings::toString);
        for (String name : List.of("thread_pool_num", "'tls'", "tls_insecure", "crypto")) {
            assertTrue(warnings.stream().anyMatch(each -> each.contains(name)), () -> name + " in " + warnings);
        }
    }

    @Test
    void goodFileGivesNoWarning() throws IOException {
        Path file = Yaml.service(directory, 3, "svc", service("consistency", "EXACTLY_ONCE", "type_spec.username_pw",
                Map.of("username", "me", "password", SECRET), "type_spec.keepalive", 5));
        refused(ConnectionException.class, () -> openWriter(file));
        assertEquals(List.of(), log.warnings());
    }

    // ---- files

    private static Arguments file(String text, String part) {
        return Arguments.of(Named.of(label(text), text), part);
    }

    static Stream<Arguments> badFiles() {
        String body = "  svc:\n    type: mqtt\n    brokers: h\n    topic: t\n";
        return Stream.of(
                file("", "empty"), file("# nothing\n", "empty"), file("{}\n", "empty"),
                file("- a\n", "list"), file("text\n", "map"), file("5\n", "map"),
                file("svc: 5\n", "svc"), file("svc:\n", "svc"), file("svc: [1]\n", "svc"),
                file("header: 3\nconfig:\n" + body, "header"),
                file("header: {}\nconfig:\n" + body, "version"),
                file("header:\n  version: 1\nconfig:\n" + body, ":2:"),
                file("header:\n  version: 4\nconfig:\n" + body, "2 or 3"),
                file("header:\n  version: '2'\nconfig:\n" + body, "header.version"),
                file("header:\n  version: 2.0\nconfig:\n" + body, "header.version"),
                file("header:\n  version: 2\n", "'config'"),
                file("header:\n  version: 2\nconfig: {}\n", "'config'"),
                file("header:\n  version: 2\nconfig: [1]\n", "'config'"),
                file("a:\n\tb: 1\n", ":2:"), file("a: [1\nb: 2\n", ":2:"),
                file("a: 'x\n", ":"), file("a: {b: 1\n", ":"),
                file("svc:\n  type: mqtt\n  type: mqtt\n", "type"),
                file("a: *nowhere\n", "anchor"), file("a: !unknown x\n", "unknown tag"),
                file("a: !!binary '###'\n", "Base64"),
                file("a: !!java.lang.Runtime x\n", "unknown tag"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("badFiles")
    void badFileIsRefusedByPlace(String text, String part) throws IOException {
        Path file = Yaml.text(directory, text);
        invalid(() -> openWriter(file), file.toString(), part);
        invalid(() -> openReader(file), file.toString(), part);
    }

    @Test
    void fileMustBeUtf8() throws IOException {
        Path file = Files.write(directory.resolve("latin1.yml"), new byte[] {'a', ':', ' ', (byte) 0xE9, '\n'});
        invalid(() -> openWriter(file), file + ":1", "UTF-8");
    }

    @Test
    void deepNestingAndBombsAreRefused() throws IOException {
        Path deep = Yaml.text(directory, "a: " + "[".repeat(5000) + "]".repeat(5000) + "\n");
        invalid(() -> openWriter(deep), deep.toString());
        StringBuilder bomb = new StringBuilder("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for (int i = 1; i < 20; i++) {
            String before = "*a" + (i - 1);
            bomb.append("a").append(i).append(": &a").append(i).append(" [")
                    .append(String.join(", ", Collections.nCopies(10, before))).append("]\n");
        }
        Path file = Yaml.text(directory, bomb.toString());
        invalid(() -> openWriter(file), file.toString());
    }

    @Test
    void missingFileIsNoConfig() throws IOException {
        Path missing = directory.resolve("missing.yml");
        refused(NoConfigException.class, () -> openWriter(missing), missing.toString());
        refused(NoConfigException.class, () -> openReader(missing), missing.toString());
        refused(NoConfigException.class, () -> openWriter(directory), directory.toString());
    }

    @Test
    void servicesMustBeKnown() throws IOException {
        Path one = Yaml.service(directory, 0, "first", service());
        Path file = Yaml.text(directory, Files.readString(one) + Files.readString(one).replace("first", "second"));
        for (Executable open : List.<Executable>of(() -> openWriter(file), () -> openReader(file))) {
            refused(NoServiceException.class, open, "first", "second", file.toString());
        }
        refused(NoServiceException.class, () -> MessageWriterFactory.builder().configFile(file).service("third").build()
                .getWriter().close(), "'third'", "first", "second");
        refused(NoServiceException.class, () -> MessageReaderFactory.builder().configFile(file).service("").build()
                .getReader().close());
        refused(ConnectionException.class, () -> MessageReaderFactory.builder().configFile(file).service("second")
                .build().getReader().close());
        refused(NoServiceException.class, () -> MessageWriterFactory.builder().configFile(one).service("x").build()
                .getWriter().close(), "'x'");
        refused(ConnectionException.class, () -> openWriter(one));
    }

    @Test
    void typesMustBeKnown() throws IOException {
        for (String type : List.of("kafka", "MQTT", "mqtt5", "")) {
            refused(UnsupportedServiceTypeException.class, () -> openWriter(service("type", type)), "type", "mqtt");
            Path file = Yaml.service(directory, 2, "svc", service("type", type));
            refused(UnsupportedServiceTypeException.class, () -> openReader(file), "type", "svc", file.toString());
            refused(UnsupportedServiceTypeException.class, () -> MessageWriterFactory.builder().noConfig(true)
                    .parameters(service()).type(type).build().getWriter().close(), "type");
        }
    }

    // ---- search order

    private static Path write(Path file, String topic) throws IOException {
        Files.createDirectories(file.getParent());
        return Files.writeString(file, "svc:\n  type: mqtt\n  brokers: h\n  topic: t\n  qos: " + topic + "\n");
    }

    @Test
    void workingDirectoryComesBeforeHome() throws IOException {
        Path home = Files.createDirectory(directory.resolve("home"));
        Path work = Files.createDirectory(directory.resolve("work"));
        ChildJvm child = new ChildJvm().workingDirectory(work).option("-Duser.home=" + home);
        Path inHome = home.resolve(".config/sinetstream/config.yml");
        Path inWork = work.resolve(".sinetstream_config.yml");

        ChildJvm.Result none = child.run("config");
        String noConfig = "NoConfigException: no configuration file found; looked for " + inWork + " and " + inHome;
        assertEquals(String.join(System.lineSeparator(), noConfig, noConfig, "main returns"), none.out, none::toString);

        write(inHome, "home");
        ChildJvm.Result onlyHome = child.run("config");
        assertEquals(2, count(onlyHome.out, "InvalidConfigurationException: " + inHome), onlyHome::toString);

        write(inWork, "work");
        ChildJvm.Result both = child.run("config");
        assertEquals(2, count(both.out, "InvalidConfigurationException: " + inWork), both::toString);
        assertEquals(0, count(both.out, inHome.toString()), both::toString);

        Files.writeString(inWork, "");
        ChildJvm.Result empty = child.run("config");
        assertEquals(2, count(empty.out, "InvalidConfigurationException: " + inWork), empty::toString);
    }

    private static int count(String text, String part) {
        return (text.length() - text.replace(part, "").length()) / part.length();
    }

    // ---- the builder

    @Test
    void builderWinsOverTheFile() throws IOException {
        Path file = Yaml.service(directory, 2, "svc", service("topic", "", "type", "kafka", "consistency", "NONE",
                "client_id", 5, "value_type", 5, "receive_timeout_ms", "x", "data_encryption", 1, "qos", 7));
        refused(ConnectionException.class, () -> MessageReaderFactory.<byte[]>builder().configFile(file).type("mqtt")
                .topic("t").consistency(Consistency.AT_LEAST_ONCE).clientId("me").receiveTimeout(Duration.ZERO)
                .valueType(SimpleValueType.TEXT).dataEncryption(false)
                .parameter("qos", 1).build().getReader().close());
        invalid(() -> MessageReaderFactory.builder().configFile(file).type("mqtt").build().getReader().close(),
                "client_id");
    }

    @Test
    void badValueOfTheBuilderIsRefusedByName() {
        MessageReaderFactoryBuilder<byte[]> reader = MessageReaderFactory.<byte[]>builder().noConfig(true)
                .parameters(service());
        invalid(() -> reader.receiveTimeout(Duration.ofMillis(-1)).build().getReader().close(), "builder",
                "receive_timeout_ms");
        reader.receiveTimeout(Duration.ofSeconds(Long.MAX_VALUE));
        refused(ConnectionException.class, () -> reader.build().getReader().close());
        invalid(() -> reader.topic("a/#/b").build().getReader().close(), "builder", "topic");
        MessageWriterFactoryBuilder<byte[]> writer = MessageWriterFactory.<byte[]>builder().noConfig(true)
                .parameters(service());
        invalid(() -> writer.userDataOnly(true).dataCompression(true).build().getWriter().close(), "builder",
                "user_data_only", "data_compression");
        invalid(() -> writer.userDataOnly(null).dataEncryption(true).build().getWriter().close(), "data_encryption", "needs 'crypto'");
        invalid(() -> writer.dataEncryption(null).clientId("a\0b").build().getWriter().close(), "client_id");
    }

    @Test
    void readerWithoutTopicIsRefused() {
        invalid(() -> openReader(service("topic", ABSENT)), "topic", "missing");
        invalid(() -> MessageReaderFactory.builder().noConfig(true).type("mqtt").parameter("brokers", NOBODY).build()
                .getReader().close(), "topic", "missing");
    }

    // ---- serializers named by class

    /** A class that is no serializer. */
    public static final class NotASerializer {
    }

    /** A class whose constructor fails. */
    public static final class Failing implements Serializer<String>, Deserializer<String> {
        public Failing() {
            throw new IllegalStateException("on purpose");
        }

        @Override
        public byte[] serialize(String value) {
            return new byte[0];
        }

        @Override
        public String deserialize(byte[] bytes) {
            return "";
        }
    }

    /** A class whose constructor is not public. */
    public static final class Hidden implements Serializer<String>, Deserializer<String> {
        private Hidden() {
        }

        @Override
        public byte[] serialize(String value) {
            return new byte[0];
        }

        @Override
        public String deserialize(byte[] bytes) {
            return "";
        }
    }

    @Test
    void classesAreChecked() {
        Map<String, String> classes = Map.of("no.such.Type", "not found", NotASerializer.class.getName(), "is not a",
                Failing.class.getName(), "on purpose", Hidden.class.getName(), "public", "", "class",
                Serializer.class.getName(), "class", "java.lang.String[]", "not found");
        classes.forEach((name, why) -> {
            invalid(() -> openWriter(service("value_serializer", name)), "value_serializer", name, why);
            invalid(() -> openReader(service("value_deserializer", name)), "value_deserializer", name, why);
        });
    }

    // ---- nothing else escapes

    @Test
    void noOtherExceptionEscapes() throws IOException {
        List<Object> values = new ArrayList<>(Arrays.asList(null, true, false, 0, 1, -1, Integer.MAX_VALUE,
                Long.MIN_VALUE, Long.MAX_VALUE, 0.5, Double.NaN, Double.NEGATIVE_INFINITY, Double.MAX_VALUE,
                new BigDecimal("1e999"), BigInteger.TEN.pow(30), "", " ", "x", "1", "-1", "1e400", "\uD800", "\0",
                "日本", "true", new byte[0], new byte[] {-1}, 'c', new char[] {'c'}, List.of(), List.of("x"),
                List.of(List.of()), Arrays.asList((Object) null), Map.of(), Map.of("", ""), Map.of("x", Map.of("y", 1)),
                Map.of(1, 2), Collections.singletonMap(null, null), new Object(), new Date(), Optional.empty(),
                Thread.currentThread(), Consistency.AT_LEAST_ONCE, new int[] {1}));
        List<String> names = Stream.concat(badValues().stream().map(each -> (String) each.get()[0]),
                Stream.of("", " ", "unknown", "\uD800", "no_config", "crypto", "compression", "will", "type_spec.tls",
                        "type_spec.connect.keepalive", "connect.connect", "type_spec.type_spec"))
                .filter(name -> !name.startsWith("brokers")) // a valid name would be resolved
                .distinct().collect(Collectors.toList());
        for (String name : names) {
            for (Object value : values) {
                for (boolean writes : new boolean[] {true, false}) {
                    Throwable e = assertThrows(Throwable.class, () -> {
                        Map<String, Object> service = service("connection_timeout", 5, name, value);
                        if (writes) {
                            openWriter(service);
                        } else {
                            openReader(service);
                        }
                    });
                    String what = name + ": " + (value == null ? "null" : value.getClass());
                    assertInstanceOf(SinetStreamException.class, e, what);
                    assertFalse(e.getMessage().contains("internal error"), () -> what + ": " + e);
                }
            }
        }
    }
}
