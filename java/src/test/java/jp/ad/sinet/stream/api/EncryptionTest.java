package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.ChildJvm;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Yaml;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageReaderFactory.MessageReaderFactoryBuilder;
import jp.ad.sinet.stream.utils.MessageWriterFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory.MessageWriterFactoryBuilder;

/** Encryption, compression and values alone in Java programs. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class EncryptionTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    @TempDir
    Path directory;

    private final String topic = Clients.topic();

    private static Map<String, Object> crypto(String mode, String password) {
        Map<String, Object> crypto = new HashMap<>(Map.of("algorithm", "AES", "key_length", 256, "mode", mode,
                "password", password));
        if (mode.equals("CBC")) {
            crypto.put("padding", "pkcs7");
        }
        return crypto;
    }

    private MessageWriterFactoryBuilder<String> writer() {
        return Clients.textWriter(BROKER.open(), topic);
    }

    private MessageReaderFactoryBuilder<String> reader() {
        return Clients.textReader(BROKER.open(), topic);
    }

    @ParameterizedTest
    @ValueSource(strings = {"CBC", "OFB", "CTR", "EAX", "GCM"})
    void theBuildersSwitchesWinOverTheFile(String mode) throws IOException {
        Path file = Yaml.service(directory, 3, "svc", Map.of("type", "mqtt", "brokers", BROKER.open(), "topic", topic,
                "value_type", "text", "crypto", crypto(mode, "s3cr3t"), "data_encryption", false));
        MessageReaderFactoryBuilder<String> reading = MessageReaderFactory.<String>builder().configFile(file)
                .dataEncryption(true).dataCompression(true).receiveTimeout(Clients.RECEIVE_LIMIT);
        MessageWriterFactoryBuilder<String> writing = MessageWriterFactory.<String>builder().configFile(file)
                .dataEncryption(true).dataCompression(true);
        try (MessageReader<String> reader = reading.build().getReader();
                MessageWriter<String> writer = writing.build().getWriter()) {
            String value = "compressible ".repeat(1000);
            writer.write(value, 5);
            Message<String> message = reader.read();
            assertEquals(value, message.getValue());
            assertEquals(5, message.getTimestampMicroseconds());
            assertTrue(writer.isDataEncryption() && reader.isDataEncryption());
            Metrics metrics = writer.getMetrics();
            assertEquals(value.length(), metrics.getMsgUncompressedBytesTotal());
            assertTrue(metrics.getMsgCompressedBytesTotal() < 200, () -> "" + metrics.getMsgCompressedBytesTotal());
            assertFalse(writer.getConfig().toString().contains("s3cr3t"), "a password is shown");
        }
    }

    @Test
    void anotherKeyIsAnInvalidMessageAndTheReaderGoesOn() throws InterruptedException {
        BlockingQueue<Object> heard = new LinkedBlockingQueue<>();
        MessageReaderFactory<String> readers = reader().dataEncryption(true).parameter("crypto", crypto("GCM", "one"))
                .build();
        try (AsyncMessageReader<String> asynchronous = readers.getAsyncReader();
                MessageReader<String> reader = readers.getReader();
                MessageWriter<String> other = writer().dataEncryption(true).parameter("crypto", crypto("GCM", "two"))
                        .build().getWriter();
                MessageWriter<String> plain = writer().build().getWriter();
                MessageWriter<String> right = writer().dataEncryption(true).parameter("crypto", crypto("GCM", "one"))
                        .build().getWriter()) {
            asynchronous.addOnMessageCallback(message -> heard.add(message.getValue()), heard::add);
            for (MessageWriter<String> wrong : List.of(other, plain)) {
                wrong.write("s3cr3t value");
                InvalidMessageException e = assertThrows(InvalidMessageException.class, reader::read);
                assertFalse(e.getMessage().contains("s3cr3t"), e::getMessage);
                assertInstanceOf(InvalidMessageException.class, heard.poll(10, TimeUnit.SECONDS));
            }
            right.write("understood");
            assertEquals("understood", reader.read().getValue());
            assertEquals("understood", heard.poll(10, TimeUnit.SECONDS));
            assertEquals(2, reader.getMetrics().getErrorCountTotal());
        }
    }

    @Test
    void aMessageThatIsBoundToItsTopicIsRefusedOnAnotherOne() {
        Map<String, Object> bound = crypto("GCM", "one");
        bound.put("bind_topic", true);
        try (MessageReader<String> reader = reader().dataEncryption(true).parameter("crypto", bound).build().getReader();
                MessageWriter<String> writer = writer().dataEncryption(true).parameter("crypto", bound).build()
                        .getWriter()) {
            writer.write("open the door");
            assertEquals("open the door", reader.read().getValue());
            byte[] captured = writer.getDebugLastMsgBytes();
            reader.debugInjectMsgBytes(captured, topic + "/of/another/door", null);
            InvalidMessageException e = assertThrows(InvalidMessageException.class, reader::read);
            assertTrue(e.getMessage().contains("written for another topic"), e::getMessage);
            reader.debugInjectMsgBytes(captured, topic, null);
            assertEquals("open the door", reader.read().getValue());
        }
    }

    @Test
    void aWillIsEncryptedByItsOwnParameters() throws IOException {
        Map<String, Object> will = Map.of("topic", topic, "payload", "gone", "value_type", "text", "data_encryption",
                true, "crypto", crypto("EAX", "of the will"), "data_compression", true);
        Path file = Yaml.service(directory, 3, "svc", Map.of("type", "mqtt", "brokers", BROKER.open(), "topic",
                "elsewhere", "will", will));
        try (MessageReader<String> reader = reader().dataEncryption(true).dataCompression(true)
                .parameter("crypto", crypto("EAX", "of the will")).build().getReader()) {
            new ChildJvm().run("killed", file.toString());
            assertEquals("gone", reader.read().getValue());
        }
    }

    @Test
    void aValueAlone() {
        try (MessageReader<byte[]> raw = Clients.<byte[]>reader(BROKER.open(), topic, SimpleValueType.BYTE_ARRAY)
                .userDataOnly(true).build().getReader();
                MessageReader<String> reader = reader().userDataOnly(true).build().getReader();
                MessageWriter<String> writer = writer().userDataOnly(true).build().getWriter()) {
            writer.write("alone", 7);
            Message<String> message = reader.read();
            assertEquals("alone", message.getValue());
            assertEquals(0, message.getTimestampMicroseconds());
            assertEquals(5, raw.read().getValue().length);
        }
        InvalidConfigurationException e = assertThrows(InvalidConfigurationException.class,
                () -> writer().userDataOnly(true).dataCompression(true).build().getWriter().close());
        assertTrue(e.getMessage().contains("user_data_only"), e::getMessage);
    }
}
