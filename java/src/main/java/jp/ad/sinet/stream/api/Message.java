package jp.ad.sinet.stream.api;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * A message that was received. It does not change; its value may.
 *
 * @param <T> the type of the value
 */
public final class Message<T> {
    private static final long MICROS_PER_SECOND = 1_000_000L;
    private static final int SHOWN_BYTES = 100;

    private final T value;
    private final String topic;
    private final Long timestampMicroseconds;
    private final @Nullable Object raw;
    private final @Nullable Object receipt;

    /**
     * Makes a message that no reader acknowledges.
     *
     * @param value the value
     * @param topic the topic it came from
     * @param timestampMicroseconds when it was sent, in microseconds since 1970-01-01T00:00Z; 0 means unknown
     * @param raw what the messaging system tells about it, or null
     */
    public Message(T value, String topic, Long timestampMicroseconds, @Nullable Object raw) {
        this(value, topic, timestampMicroseconds, raw, null);
    }

    /**
     * Makes a message that a reader acknowledges: only for readers.
     *
     * @param value the value
     * @param topic the topic it came from
     * @param timestampMicroseconds when it was sent, in microseconds since 1970-01-01T00:00Z; 0 means unknown
     * @param raw what the messaging system tells about it, or null
     * @param receipt what the reader knows the message by, or null
     */
    public Message(T value, String topic, Long timestampMicroseconds, @Nullable Object raw, @Nullable Object receipt) {
        this.receipt = receipt;
        this.value = value;
        this.topic = topic;
        this.timestampMicroseconds = timestampMicroseconds;
        this.raw = raw;
    }

    /**
     * The value.
     *
     * @return what the deserializer made of the message
     */
    public T getValue() {
        return value;
    }

    /**
     * The topic that the message was published to; never a wildcard.
     *
     * @return the topic
     */
    public String getTopic() {
        return topic;
    }

    /**
     * When the message was sent, in whole seconds since 1970-01-01T00:00Z, rounded towards zero.
     *
     * @return the time; 0 means unknown
     */
    public Long getTimestamp() {
        return timestampMicroseconds == null ? null : Long.valueOf(timestampMicroseconds / MICROS_PER_SECOND);
    }

    /**
     * When the message was sent, in microseconds since 1970-01-01T00:00Z.
     *
     * @return the time; 0 means unknown
     */
    public Long getTimestampMicroseconds() {
        return timestampMicroseconds;
    }

    /**
     * What the messaging system tells about the message: for MQTT a {@link PublishPacket}, for an injected message the
     * object that was injected.
     *
     * @return the object, or null
     */
    public @Nullable Object getRaw() {
        return raw;
    }

    private PublishPacket packet() {
        return raw instanceof PublishPacket ? (PublishPacket) raw : null;
    }

    /**
     * Whether the broker had kept the message when it was read.
     *
     * @return the retain flag of the {@link PublishPacket}; false for what came in none
     */
    public boolean isRetained() {
        return packet() != null && packet().isRetained();
    }

    /**
     * What the writer says of the payload.
     *
     * @return as {@link PublishPacket#getPayloadFormatIndicator}; null for what came in none
     */
    public Integer getPayloadFormatIndicator() {
        return packet() == null ? null : packet().getPayloadFormatIndicator();
    }

    /**
     * For how long the message still counted when the broker sent it.
     *
     * @return seconds, as {@link PublishPacket#getMessageExpiryInterval}; null for what came in none
     */
    public Long getMessageExpiryInterval() {
        return packet() == null ? null : packet().getMessageExpiryInterval();
    }

    /**
     * What the writer says the content is.
     *
     * @return as {@link PublishPacket#getContentType}; null for what came in none
     */
    public String getContentType() {
        return packet() == null ? null : packet().getContentType();
    }

    /**
     * Where the writer expects a response.
     *
     * @return as {@link PublishPacket#getResponseTopic}; null for what came in none
     */
    public String getResponseTopic() {
        return packet() == null ? null : packet().getResponseTopic();
    }

    /**
     * What a response has to carry, too.
     *
     * @return a copy, as {@link PublishPacket#getCorrelationData}; null for what came in none
     */
    public byte[] getCorrelationData() {
        return packet() == null ? null : packet().getCorrelationData();
    }

    /**
     * The writer's own names and values, in its order; a name may occur several times.
     *
     * @return as {@link PublishPacket#getUserProperties}; empty for what came in none
     */
    public List<Map.Entry<String, String>> getUserProperties() {
        return packet() == null ? Collections.emptyList() : packet().getUserProperties();
    }

    /**
     * What the reader that gave the message knows it by, for {@link MessageReader#acknowledge}. It is no part of what makes messages
     * equal.
     *
     * @return an object that means something to that reader only, or null
     */
    public @Nullable Object getReceipt() {
        return receipt;
    }

    private @Nullable Object[] fields() {
        return new @Nullable Object[] {value, topic, timestampMicroseconds, raw};
    }

    /** Equal when all parts but the receipt are equal; arrays are compared by their content. */
    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Message && Arrays.deepEquals(fields(), ((Message<?>) other).fields());
    }

    @Override
    public int hashCode() {
        return Arrays.deepHashCode(fields());
    }

    /** Shows all parts, and of a long array of bytes the beginning and the length. */
    @Override
    public String toString() {
        return "Message(value=" + shown() + ", topic=" + topic + ", timestampMicroseconds=" + timestampMicroseconds
                + ", raw=" + raw + ")";
    }

    private String shown() {
        if (!(value instanceof byte[])) {
            return String.valueOf(value);
        }
        byte[] bytes = (byte[]) value;
        if (bytes.length <= SHOWN_BYTES) {
            return Arrays.toString(bytes);
        }
        String beginning = Arrays.toString(Arrays.copyOf(bytes, SHOWN_BYTES));
        return beginning.substring(0, beginning.length() - 1) + ", … " + bytes.length + " bytes]";
    }
}
