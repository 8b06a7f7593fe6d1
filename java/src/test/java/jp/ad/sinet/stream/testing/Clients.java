package jp.ad.sinet.stream.testing;

import java.io.ByteArrayOutputStream;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;

import jp.ad.sinet.stream.api.ValueType;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageReaderFactory.MessageReaderFactoryBuilder;
import jp.ad.sinet.stream.utils.MessageWriterFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory.MessageWriterFactoryBuilder;

/** Builders of readers and writers without a configuration file. */
public final class Clients {
    /** How long readers wait for messages that must come. */
    public static final Duration RECEIVE_LIMIT = Duration.ofSeconds(10);

    private static final AtomicInteger TOPICS = new AtomicInteger();

    private Clients() {
    }

    /** Returns a topic that no other test uses. */
    public static String topic() {
        return "test/" + TOPICS.incrementAndGet();
    }

    /** Returns a message in format 3 at time 0, with a value of at most 63 bytes. */
    public static byte[] wire(byte[] value) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(new byte[] {(byte) 0xDF, 3, 0, 0, 0, 0, (byte) 0xC3, 1, 0x1F, (byte) 0x9C, 0xC, (byte) 0x91,
            (byte) 0xEB, 0x33, 0x66, 0x4F, 0, (byte) (value.length << 1)});
        out.writeBytes(value);
        return out.toByteArray();
    }

    public static <T> MessageWriterFactoryBuilder<T> writer(String brokers, String topic, ValueType type) {
        return MessageWriterFactory.<T>builder().noConfig(true).type("mqtt").topic(topic).valueType(type)
                .parameter("brokers", brokers);
    }

    public static <T> MessageReaderFactoryBuilder<T> reader(String brokers, String topic, ValueType type) {
        return MessageReaderFactory.<T>builder().noConfig(true).type("mqtt").topic(topic).valueType(type)
                .parameter("brokers", brokers).receiveTimeout(RECEIVE_LIMIT);
    }

    public static MessageWriterFactoryBuilder<String> textWriter(String brokers, String topic) {
        return writer(brokers, topic, SimpleValueType.TEXT);
    }

    public static MessageReaderFactoryBuilder<String> textReader(String brokers, String topic) {
        return reader(brokers, topic, SimpleValueType.TEXT);
    }
}
