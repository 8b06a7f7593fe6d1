package consumer;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.micrometer.SinetStreamMetrics;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** Writes one message to the broker named by the first argument and reads it back. */
public final class Main {
    private Main() {
    }

    /** Selects the messaging system of a plugin that only META-INF/services names. */
    private static MessageReaderFactory<String> plugged(MessageReaderFactory.MessageReaderFactoryBuilder<String> builder) {
        return builder.noConfig(true).type("memory").topic("t").valueType(SimpleValueType.TEXT).dataCompression(true).build();
    }

    private static MessageWriterFactory<String> plugged(MessageWriterFactory.MessageWriterFactoryBuilder<String> builder) {
        return builder.noConfig(true).type("memory").topic("t").valueType(SimpleValueType.TEXT).dataCompression(true).build();
    }

    public static void main(String[] args) throws Exception {
        String broker = args[0];
        String sent = "こんにちは, consumer";
        MessageReaderFactory<String> readers = MessageReaderFactory.<String>builder()
                .noConfig(true)
                .type("mqtt")
                .topic("consumer")
                .consistency(Consistency.AT_LEAST_ONCE)
                .valueType(SimpleValueType.TEXT)
                .receiveTimeout(Duration.ofSeconds(10))
                .parameter("brokers", broker)
                .build();
        MessageWriterFactory<String> writers = MessageWriterFactory.<String>builder()
                .noConfig(true)
                .type("mqtt")
                .topic("consumer")
                .consistency(Consistency.AT_LEAST_ONCE)
                .valueType(SimpleValueType.TEXT)
                .parameter("brokers", broker)
                .build();
        try (MessageReader<String> reader = readers.getReader(); MessageWriter<String> writer = writers.getWriter()) {
            SimpleMeterRegistry registry = new SimpleMeterRegistry();
            new SinetStreamMetrics(writer).bindTo(registry);
            writer.write(sent);
            if (registry.get("sinetstream.messages").functionCounter().count() != 1) {
                throw new IllegalStateException(registry.getMetersAsString());
            }
            String received = reader.read().getValue();
            if (!sent.equals(received)) {
                throw new IllegalStateException("sent " + sent + ", received " + received);
            }
        }
        try (MessageReader<String> reader = plugged(MessageReaderFactory.<String>builder()).getReader();
                MessageWriter<String> writer = plugged(MessageWriterFactory.<String>builder()).getWriter()) {
            writer.write(sent);
            if (!sent.equals(reader.read().getValue())) {
                throw new IllegalStateException("the plugin's messaging system gave another value");
            }
        }
        CountDownLatch delivered = new CountDownLatch(1);
        try (AsyncMessageWriter<String> writer = writers.getAsyncWriter()) {
            writer.write(sent).done(nothing -> delivered.countDown()).fail(Throwable::printStackTrace);
            if (!delivered.await(10, TimeUnit.SECONDS)) {
                throw new IllegalStateException("the promise is not resolved");
            }
        }
        System.out.println("consumer: ok");
    }
}
