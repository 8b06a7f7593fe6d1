package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.OutboxLife;
import jp.ad.sinet.stream.testing.Proxy;
import jp.ad.sinet.stream.utils.MessageReaderFactory.MessageReaderFactoryBuilder;
import jp.ad.sinet.stream.utils.MessageWriterFactory.MessageWriterFactoryBuilder;

/** Options of one message, through a broker and an outbox to a reader. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class WriteOptionsTest {
    private static final int LIMIT_SECONDS = 20;

    @RegisterExtension
    static final Broker BROKER = new Broker(Broker.Listener.OPEN);

    private final String topic = Clients.topic();

    private MessageWriterFactoryBuilder<String> writer(String protocol) {
        return Clients.textWriter(BROKER.open(), topic).parameter("protocol", protocol).consistency(Consistency.AT_LEAST_ONCE);
    }

    private MessageReaderFactoryBuilder<String> reader(String protocol) {
        return Clients.textReader(BROKER.open(), topic + "/#").parameter("protocol", protocol)
                .consistency(Consistency.AT_LEAST_ONCE);
    }

    private WriteOptions options() {
        return WriteOptions.builder().topic(topic + "/own").messageExpiry(Duration.ofMillis(999_001)).contentType("text/plain")
                .responseTopic("answers").correlationData(new byte[] {0, -1}).userProperty("site", "京都")
                .userProperty("n", "1").userProperty("n", "2").build();
    }

    private void assertOwn(Message<String> message) {
        assertEquals("own", message.getValue());
        assertEquals(topic + "/own", message.getTopic());
        long left = message.getMessageExpiryInterval();
        assertTrue(left > 900 && left <= 1000, () -> "" + left);
        assertEquals("text/plain", message.getContentType());
        assertEquals("answers", message.getResponseTopic());
        assertArrayEquals(new byte[] {0, -1}, message.getCorrelationData());
        assertEquals(List.of(Map.entry("of the service", "stays"), Map.entry("site", "京都"), Map.entry("n", "1"),
                Map.entry("n", "2")), message.getUserProperties());
    }

    private void assertUsual(Message<String> message) {
        assertEquals("usual", message.getValue());
        assertEquals(topic, message.getTopic());
        assertNull(message.getResponseTopic());
        assertNull(message.getCorrelationData());
        assertNull(message.getMessageExpiryInterval());
        assertNull(message.getPayloadFormatIndicator());
        assertEquals("of the service", message.getContentType());
        assertEquals(2, message.getUserProperties().size());
    }

    private static Map<String, Object> ofTheService() {
        return Map.of("content_type", "of the service", "user_property", Map.of("of the service", "stays", "site", "Tokyo"));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void optionsAreForOneMessageOnly(boolean encrypted) {
        Map<String, Object> coding = !encrypted ? Map.of() : Map.of("data_encryption", true, "data_compression", true, "crypto",
                Map.of("algorithm", "AES", "mode", "GCM", "key_length", 128, "password", "secret", "bind_topic", true));
        try (MessageReader<String> reader = reader("MQTTv5").parameters(coding).build().getReader();
                MessageWriter<String> writer = writer("MQTTv5").parameters(coding)
                        .parameter("message_properties", ofTheService()).build().getWriter()) {
            writer.write("own", options());
            assertOwn(reader.read());
            writer.write("usual");
            assertUsual(reader.read());
            writer.write("own", 17, options());
            Message<String> message = reader.read();
            assertEquals(17, message.getTimestampMicroseconds());
            assertOwn(message);
            writer.write("usual", WriteOptions.builder().build());
            assertUsual(reader.read());
            assertThrows(NullPointerException.class, () -> writer.write("x", null));
        }
    }

    @Test
    void asynchronousWritersHaveThemToo() throws Exception {
        try (MessageReader<String> reader = reader("MQTTv5").build().getReader();
                AsyncMessageWriter<String> writer = writer("MQTTv5").parameter("message_properties", ofTheService()).build()
                        .getAsyncWriter()) {
            writer.write("own", options());
            writer.write("own", 17, options());
            writer.writeAsync("own", options()).get(LIMIT_SECONDS, TimeUnit.SECONDS);
            writer.writeAsync("own", 18, options()).get(LIMIT_SECONDS, TimeUnit.SECONDS);
            writer.writeAsync("usual").get(LIMIT_SECONDS, TimeUnit.SECONDS);
            long[] times = new long[4];
            for (int n = 0; n < times.length; n++) {
                Message<String> message = reader.read();
                assertOwn(message);
                times[n] = message.getTimestampMicroseconds();
            }
            assertEquals(17, times[1]);
            assertEquals(18, times[3]);
            assertUsual(reader.read());
            ExecutionException e = assertThrows(ExecutionException.class, () -> writer.writeAsync("x",
                    WriteOptions.builder().topic("#").build()).get(LIMIT_SECONDS, TimeUnit.SECONDS));
            assertTrue(e.getCause() instanceof InvalidConfigurationException, e::toString);
            writer.writeAsync("own", options()).get(LIMIT_SECONDS, TimeUnit.SECONDS);
            assertOwn(reader.read());
        }
    }

    @Test
    void earlierProtocolsKnowTopicAndRetainOnly() {
        try (MessageWriter<String> writer = writer("MQTTv311").build().getWriter()) {
            writer.write("kept", WriteOptions.builder().topic(topic + "/kept").retain(true).build());
            writer.write("not kept");
            try (MessageReader<String> reader = reader("MQTTv311").build().getReader()) {
                Message<String> message = reader.read();
                assertEquals("kept", message.getValue());
                assertEquals(topic + "/kept", message.getTopic());
                assertTrue(message.isRetained());
                assertNull(message.getContentType());
                assertEquals(List.of(), message.getUserProperties());
                for (WriteOptions options : List.of(WriteOptions.builder().messageExpiry(Duration.ZERO).build(),
                        WriteOptions.builder().contentType("").build(), WriteOptions.builder().responseTopic("r").build(),
                        WriteOptions.builder().correlationData(new byte[0]).build(),
                        WriteOptions.builder().userProperty("", "").build())) {
                    told(() -> writer.write("x", options), "needs 'protocol: MQTTv5'", "MQTTv311");
                }
                writer.write("after");
                assertEquals("after", reader.read().getValue());
            }
        }
    }

    private static void told(Runnable write, String... parts) {
        String message = assertThrows(InvalidConfigurationException.class, write::run).getMessage();
        for (String part : parts) {
            assertTrue(message.contains(part), message);
        }
    }

    @Test
    void whatIsWrongIsTold() {
        try (MessageWriter<String> writer = writer("MQTTv5").build().getWriter()) {
            told(() -> writer.write("x", WriteOptions.builder().topic("a/#").build()), "'topic'", "wildcards");
            told(() -> writer.write("x", WriteOptions.builder().contentType("\uD800").build()), "'content_type'", "surrogate");
            told(() -> writer.write("x", WriteOptions.builder().userProperty("n".repeat(65_536), "").build()),
                    "'user_property'", "65535 bytes");
            told(() -> writer.write("x", WriteOptions.builder().messageExpiry(Duration.ofSeconds(Long.MAX_VALUE, 1)).build()),
                    "'message_expiry'", "4294967295 seconds");
            assertThrows(IllegalArgumentException.class, () -> WriteOptions.builder().messageExpiry(Duration.ofNanos(-1)));
            assertEquals(4, writer.getMetrics().getErrorCountTotal());
        }
        String shown = options().toString();
        assertFalse(shown.contains("京都") || shown.contains("answers"), shown);
    }

    @Test
    void anOptionThatIsNullIsToldByItsName() {
        toldNull("topic", () -> WriteOptions.builder().topic(null));
        toldNull("messageExpiry", () -> WriteOptions.builder().messageExpiry(null));
        toldNull("contentType", () -> WriteOptions.builder().contentType(null));
        toldNull("responseTopic", () -> WriteOptions.builder().responseTopic(null));
        toldNull("correlationData", () -> WriteOptions.builder().correlationData(null));
        toldNull("name", () -> WriteOptions.builder().userProperty(null, "x"));
        toldNull("value", () -> WriteOptions.builder().userProperty("x", null));
    }

    private static void toldNull(String name, Executable call) {
        assertEquals(name, assertThrows(NullPointerException.class, call).getMessage());
    }

    @Test
    void optionsDoNotChange() {
        byte[] data = {1};
        WriteOptions.Builder builder = WriteOptions.builder().correlationData(data).userProperty("a", "b");
        WriteOptions options = builder.build();
        data[0] = 2;
        options.getCorrelationData()[0] = 3;
        builder.userProperty("c", "d").retain(true);
        assertArrayEquals(new byte[] {1}, options.getCorrelationData());
        assertEquals(List.of(Map.entry("a", "b")), options.getUserProperties());
        assertNull(options.getRetain());
        assertThrows(UnsupportedOperationException.class, () -> options.getUserProperties().clear());
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void theOutboxOnDiskKeepsThem(boolean asynchronous, @TempDir Path directory) throws Exception {
        try (Proxy proxy = new Proxy(BROKER.openPort());
                MessageReader<String> reader = reader("MQTTv5").build().getReader()) {
            MessageWriterFactoryBuilder<String> builder = OutboxLife.writer(proxy.address(), topic, directory.toString(), "disk")
                    .parameter("protocol", "MQTTv5").parameter("message_properties", ofTheService());
            if (asynchronous) {
                try (AsyncMessageWriter<String> writer = builder.build().getAsyncWriter()) {
                    proxy.shut(true);
                    Await.until("the connection is lost", () -> !writer.isConnected());
                    writer.writeAsync("own", options()).get(LIMIT_SECONDS, TimeUnit.SECONDS);
                    writer.writeAsync("usual").get(LIMIT_SECONDS, TimeUnit.SECONDS);
                }
            } else {
                try (MessageWriter<String> writer = builder.build().getWriter()) {
                    proxy.shut(true);
                    Await.until("the connection is lost", () -> !writer.isConnected());
                    writer.write("own", options());
                    writer.write("usual");
                }
            }
            try (MessageWriter<String> writer = OutboxLife.writer(BROKER.open(), topic, directory.toString(), "disk")
                    .parameter("protocol", "MQTTv5").parameter("message_properties", ofTheService()).build().getWriter()) {
                assertOwn(reader.read());
                assertUsual(reader.read());
                writer.flush();
            }
        }
    }
}
