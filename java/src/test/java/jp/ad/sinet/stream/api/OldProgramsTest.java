package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import jp.ad.sinet.stream.api.valuetype.ByteArrayDeserializer;
import jp.ad.sinet.stream.api.valuetype.ByteArraySerializer;
import jp.ad.sinet.stream.api.valuetype.StringDeserializer;
import jp.ad.sinet.stream.api.valuetype.StringSerializer;
import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.ScriptedBroker;
import jp.ad.sinet.stream.testing.Yaml;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** The behaviour of programs that were written for SINETStream's Paho-based library. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class OldProgramsTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    @TempDir
    Path directory;

    private final String topic = Clients.topic();

    private static Map<String, Object> crypto(Map<?, ?> keys) {
        return Map.of("algorithm", "AES", "key_length", 128, "mode", "GCM", "_keys", keys);
    }

    /** YAML allows every scalar as a name. */
    @Test
    void namesMayBeNumbers() {
        byte[] key = "0123456789abcdef".getBytes(StandardCharsets.UTF_8);
        for (Object version : new Object[] {1, 1L, (short) 1, "1", '1'}) {
            try (MessageReader<String> reader = Clients.textReader(BROKER.open(), topic).dataEncryption(true)
                    .parameter("crypto", crypto(Map.of(version, key))).build().getReader();
                    MessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic).dataEncryption(true)
                            .parameter("crypto", crypto(Map.of(version, key))).build().getWriter()) {
                writer.write("x");
                assertEquals("x", reader.read().getValue());
                assertEquals(Map.of("1", "********"), ((Map<?, ?>) writer.getConfig().get("crypto")).get("_keys"));
            }
        }
    }

    @Test
    void theValueTypesTakeNull() {
        assertNull(new StringSerializer().serialize(null));
        assertNull(new StringSerializer(StandardCharsets.ISO_8859_1).serialize(null));
        assertNull(new StringDeserializer().deserialize(null));
        assertNull(new ByteArraySerializer().serialize(null));
        assertNull(new ByteArrayDeserializer().deserialize(null));
        assertArrayEquals(new byte[0], new StringSerializer().serialize(""));
    }

    /** The values of the old library's {@code MqttVersion}. */
    private enum OldVersion { MQTTv31, MQTTv311, DEFAULT }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void everyVersionOfTheOldLibrary(boolean asText) {
        for (OldVersion version : OldVersion.values()) {
            Object protocol = asText ? version.name() : version;
            try (MessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic).parameter("protocol", protocol).build()
                    .getWriter()) {
                writer.write("x");
            }
        }
    }

    @Test
    void anEndThatIsToldToCallbacksCountsAsAnError() {
        try (ScriptedBroker broker = ScriptedBroker.neverAcknowledging();
                AsyncMessageReader<String> reader = Clients.textReader(broker.address(), topic)
                        .parameter("connect", Map.of("automatic_reconnect", false)).build().getAsyncReader()) {
            CountDownLatch told = new CountDownLatch(2);
            reader.addOnMessageCallback(message -> { }, failure -> told.countDown());
            reader.addOnMessageCallback(message -> { }, failure -> told.countDown());
            broker.closeConnections();
            Await.until("the end is told", () -> told.getCount() == 0);
            assertEquals(1, reader.getMetrics().getErrorCountTotal());
        }
    }

    @Test
    void theConfigurationShowsThatThereAreSecrets() throws IOException {
        Map<String, Object> parameters = new LinkedHashMap<>(Map.of("type", "mqtt", "brokers", BROKER.open(), "topic", topic,
                "value_type", "text", "data_encryption", true));
        parameters.put("crypto", Map.of("algorithm", "AES", "mode", "GCM", "password", "s3cr3t"));
        Path file = Yaml.service(directory, 3, "svc", parameters);
        try (MessageWriter<String> writer = MessageWriterFactory.<String>builder().configFile(file).build().getWriter()) {
            assertEquals("********", ((Map<?, ?>) writer.getConfig().get("crypto")).get("password"));
        }
        try (MessageWriter<String> writer = MessageWriterFactory.<String>builder().configFile(file)
                .parameter("crypto", Map.of("algorithm", "AES", "mode", "GCM", "password", Map.of("value", "s3cr3t")))
                .parameter("username_pw", Map.of("username", "u", "password", "s3cr3t"))
                .build().getWriter()) {
            String shown = writer.getConfig().toString();
            assertTrue(shown.contains("password={value=********}"), shown);
            assertTrue(shown.contains("password=********"), shown);
        }
    }
}
