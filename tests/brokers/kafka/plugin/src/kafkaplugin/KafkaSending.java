package kafkaplugin;

import java.util.Properties;

import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.ByteArraySerializer;

import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.spi.WriterParameters;
import jp.ad.sinet.stream.utils.Timestamped;

/** The common part of both writers. */
abstract class KafkaSending extends KafkaClient {
    private final String topic;
    private final KafkaProducer<byte[], byte[]> producer;

    KafkaSending(WriterParameters parameters) {
        super(parameters, parameters.getClientId());
        topic = parameters.getTopic();
        Properties properties = properties();
        properties.put("acks", getConsistency() == Consistency.AT_MOST_ONCE ? "0" : "all");
        // At this consistency, a message that Kafka's client sends again after a lost connection is stored only once.
        properties.put("enable.idempotence", getConsistency() == Consistency.EXACTLY_ONCE ? "true" : "false");
        try {
            producer = new KafkaProducer<>(properties, new ByteArraySerializer(), new ByteArraySerializer());
        } catch (RuntimeException e) {
            throw failure(e.getCause() == null ? e : e.getCause());
        }
    }

    final java.util.concurrent.Future<?> send(Timestamped<byte[]> message, Callback callback) {
        long millis = Math.floorDiv(message.getTstamp(), 1000);
        // Kafka has no time before the year 1970; the message itself contains its own time.
        Long time = millis < 0 ? null : Long.valueOf(millis);
        return producer.send(new ProducerRecord<>(topic, null, time, null, message.getValue()), callback);
    }

    public final String getTopic() {
        return topic;
    }

    @Override
    public final Object getMetrics() {
        return producer.metrics();
    }

    @Override
    public final void close() {
        producer.close(CLOSE_LIMIT);
    }
}
