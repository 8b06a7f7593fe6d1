package kafkaplugin;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Queue;

import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.api.SinetStreamIOException.Reason;
import jp.ad.sinet.stream.spi.PluginMessageReader;
import jp.ad.sinet.stream.spi.PluginMessageWrapper;
import jp.ad.sinet.stream.spi.ReaderParameters;
import jp.ad.sinet.stream.utils.MessageUtils;
import jp.ad.sinet.stream.utils.Timestamped;

/**
 * Reads messages. Without {@code group_id} it reads those that come after it was opened, as a reader of MQTT does. With it, all
 * readers of the group share the messages, and the group resumes at its last position.
 */
final class KafkaReader extends KafkaClient implements PluginMessageReader {
    private static final Duration OPENING_LIMIT = Duration.ofSeconds(60);
    private static final Duration LONGEST_POLL = Duration.ofHours(1);

    private final List<String> topics;
    private final Duration receiveTimeout;
    private final boolean inGroup;
    /** Only one thread at a time may use the consumer, except for {@code wakeup}. */
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final Queue<ConsumerRecord<byte[], byte[]>> fetched = new ArrayDeque<>();
    private final Map<TopicPartition, OffsetAndMetadata> taken = new HashMap<>();

    KafkaReader(ReaderParameters parameters) {
        super(parameters, parameters.getClientId());
        topics = parameters.getTopics();
        receiveTimeout = parameters.getReceiveTimeout();
        String group = MessageUtils.toString(getConfig().get("group_id"));
        inGroup = group != null;
        Properties properties = properties();
        properties.put("enable.auto.commit", "false");
        properties.put("isolation.level", getConsistency() == Consistency.EXACTLY_ONCE ? "read_committed" : "read_uncommitted");
        if (inGroup) {
            properties.put("group.id", group);
            properties.putIfAbsent("auto.offset.reset", "earliest");
        } else {
            properties.putIfAbsent("auto.offset.reset", "none"); // a place that is lost is an error, and no leap to the end
        }
        try {
            consumer = new KafkaConsumer<>(properties, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        } catch (RuntimeException e) {
            throw failure(e.getCause() == null ? e : e.getCause());
        }
        try {
            if (inGroup) {
                consumer.subscribe(topics);
            } else {
                fromNowOn();
            }
        } catch (RuntimeException e) {
            consumer.close(Duration.ZERO);
            throw failure(e);
        }
    }

    private void fromNowOn() {
        long deadline = System.nanoTime() + OPENING_LIMIT.toNanos();
        List<TopicPartition> partitions = new ArrayList<>();
        for (String topic : topics) {
            // This query creates a missing topic, which takes a moment.
            List<PartitionInfo> found = List.of();
            while (found == null || found.isEmpty()) {
                if (System.nanoTime() > deadline) {
                    throw new SinetStreamIOException("Kafka has no topic '" + topic + "', and makes none")
                            .with(Reason.TIMED_OUT, null);
                }
                found = consumer.partitionsFor(topic, OPENING_LIMIT);
            }
            found.forEach(each -> partitions.add(new TopicPartition(topic, each.partition())));
        }
        consumer.assign(partitions);
        // Messages count from here on; an end that is looked for when it is needed would be that of the first read.
        consumer.endOffsets(partitions, OPENING_LIMIT).forEach(consumer::seek);
    }

    @Override
    public synchronized PluginMessageWrapper read() {
        try {
            if (getConsistency() != Consistency.AT_MOST_ONCE) {
                commit(); // A program that reads on has processed the earlier messages.
            }
            if (fetched.isEmpty()) {
                consumer.poll(receiveTimeout.compareTo(LONGEST_POLL) < 0 ? receiveTimeout : LONGEST_POLL).forEach(fetched::add);
            }
            ConsumerRecord<byte[], byte[]> record = fetched.poll();
            if (record == null) {
                return null;
            }
            taken.put(new TopicPartition(record.topic(), record.partition()), new OffsetAndMetadata(record.offset() + 1));
            if (getConsistency() == Consistency.AT_MOST_ONCE) {
                commit();
            }
            return new KafkaMessage(record);
        } catch (WakeupException e) {
            return null;
        } catch (RuntimeException e) {
            throw failure(e);
        }
    }

    private void commit() {
        if (inGroup && !taken.isEmpty()) {
            consumer.commitSync(taken);
        }
        taken.clear();
    }

    @Override
    public void close() {
        consumer.wakeup();
        closed();
    }

    private synchronized void closed() {
        try {
            commit();
        } catch (WakeupException e) {
            commit(); // The wake-up was meant for a read.
        } finally {
            consumer.close(CLOSE_LIMIT);
        }
    }

    @Override
    public List<String> getTopics() {
        return topics;
    }

    @Override
    public Duration getReceiveTimeout() {
        return receiveTimeout;
    }

    @Override
    public Object getMetrics() {
        return consumer.metrics();
    }

    private static final class KafkaMessage implements PluginMessageWrapper {
        private final ConsumerRecord<byte[], byte[]> record;

        KafkaMessage(ConsumerRecord<byte[], byte[]> record) {
            this.record = record;
        }

        @Override
        public Timestamped<byte[]> getValue() {
            return new Timestamped<>(record.value(), record.timestamp() * 1000);
        }

        @Override
        public String getTopic() {
            return record.topic();
        }

        @Override
        public Object getRaw() {
            return record;
        }
    }
}
