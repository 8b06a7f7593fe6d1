package jp.ad.sinet.stream.api;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

/**
 * A message that was received. Immutable, except that its value may be mutable.
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
     * @param raw the messaging system's own view of the message, or null
     */
    public Message(T value, String topic, Long timestampMicroseconds, @Nullable Object raw) {
        this(value, topic, timestampMicroseconds, raw, null);
    }

    /**
     * Makes a message that a reader acknowledges; only readers call this.
     *
     * @param value the value
     * @param topic the topic it came from
     * @param timestampMicroseconds when it was sent, in microseconds since 1970-01-01T00:00Z; 0 means unknown
     * @param raw the messaging system's own view of the message, or null
     * @param receipt the reader's own reference to the message, or null
     */
    public Message(T value, String topic, Long timestampMicroseconds, @Nullable Object raw, @Nullable Object receipt) {
        this.receipt = receipt;
        this.value = value;
        this.topic = topic;
        this.timestampMicroseconds = timestampMicroseconds;
        this.raw = raw;
    }

    /**
     * Returns the value.
     *
     * @return the value that the deserializer returned
     */
    public T getValue() {
        return value;
    }

    /**
     * Returns the topic that the message was published to; never a wildcard.
     *
     * @return the topic
     */
    public String getTopic() {
        return topic;
    }

    /**
     * Returns when the message was sent, in whole seconds since 1970-01-01T00:00Z, rounded towards zero.
     *
     * @return the time; 0 means unknown
     */
    public Long getTimestamp() {
        return timestampMicroseconds == null ? null : Long.valueOf(timestampMicroseconds / MICROS_PER_SECOND);
    }

    /**
     * Returns when the message was sent, in microseconds since 1970-01-01T00:00Z.
     *
     * @return the time; 0 means unknown
     */
    public Long getTimestampMicroseconds() {
        return timestampMicroseconds;
    }

    /**
     * Returns the messaging system's own view of the message: for MQTT a {@link PublishPacket}, for an injected message the
     * object that was injected.
     *
     * @return the object, or null
     */
    public @Nullable Object getRaw() {
        return raw;
    }

    private @Nullable PublishPacket packet() {
        return raw instanceof PublishPacket ? (PublishPacket) raw : null;
    }

    /**
     * Tells whether the broker delivered this message because it had retained it.
     *
     * @return the retain flag of the {@link PublishPacket}; false if the message came in none
     */
    public boolean isRetained() {
        return packet() != null && packet().isRetained();
    }

    /**
     * Returns the payload format indicator that the writer has set.
     *
     * @return as {@link PublishPacket#getPayloadFormatIndicator}; null if the message came in none
     */
    public @Nullable Integer getPayloadFormatIndicator() {
        return packet() == null ? null : packet().getPayloadFormatIndicator();
    }

    /**
     * Returns the message expiry interval that was left when the broker sent the message.
     *
     * @return seconds, as {@link PublishPacket#getMessageExpiryInterval}; null if the message came in none
     */
    public @Nullable Long getMessageExpiryInterval() {
        return packet() == null ? null : packet().getMessageExpiryInterval();
    }

    /**
     * Returns the content type that the writer has set.
     *
     * @return as {@link PublishPacket#getContentType}; null if the message came in none
     */
    public @Nullable String getContentType() {
        return packet() == null ? null : packet().getContentType();
    }

    /**
     * Returns the topic on which the writer expects a response.
     *
     * @return as {@link PublishPacket#getResponseTopic}; null if the message came in none
     */
    public @Nullable String getResponseTopic() {
        return packet() == null ? null : packet().getResponseTopic();
    }

    /**
     * Returns the correlation data that a response has to repeat.
     *
     * @return a copy, as {@link PublishPacket#getCorrelationData}; null if the message came in none
     */
    public byte @Nullable [] getCorrelationData() {
        return packet() == null ? null : packet().getCorrelationData();
    }

    /**
     * Returns the user properties in the writer's order; a name may occur several times.
     *
     * @return as {@link PublishPacket#getUserProperties}; empty if the message came in none
     */
    public List<Map.Entry<String, String>> getUserProperties() {
        return packet() == null ? Collections.emptyList() : packet().getUserProperties();
    }

    /**
     * Returns the reader's own reference to the message, for {@link MessageReader#acknowledge}. Equality of messages ignores
     * it.
     *
     * @return an object that has a meaning only for the reader that returned the message, or null
     */
    public @Nullable Object getReceipt() {
        return receipt;
    }

    private @Nullable Object[] fields() {
        return new @Nullable Object[] {value, topic, timestampMicroseconds, raw};
    }

    /** Compares all parts except the receipt; arrays are compared by their content. */
    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Message && Arrays.deepEquals(fields(), ((Message<?>) other).fields());
    }

    @Override
    public int hashCode() {
        return Arrays.deepHashCode(fields());
    }

    /** Shows all parts; of a long byte array, the beginning and the length. */
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
