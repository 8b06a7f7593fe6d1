package jp.ad.sinet.stream.api;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

import org.jspecify.annotations.Nullable;

/**
 * The MQTT PUBLISH packet that carried a message, as MQTT 5, section 3.3 describes it. Immutable. Packets of earlier protocol
 * versions have no properties.
 *
 * @see Message#getRaw()
 */
public final class PublishPacket {
    private static final String PAYLOAD_FORMAT_INDICATOR = "payload_format_indicator";
    private static final String MESSAGE_EXPIRY_INTERVAL = "message_expiry_interval";
    private static final String CONTENT_TYPE = "content_type";
    private static final String RESPONSE_TOPIC = "response_topic";
    private static final String CORRELATION_DATA = "correlation_data";
    private static final String USER_PROPERTIES = "user_properties";
    private static final String SUBSCRIPTION_IDENTIFIERS = "subscription_identifiers";

    private static final int MAX_QOS = 2;

    private final String topic;
    private final byte qos;
    private final boolean retained;
    private final boolean duplicate;
    /** Each property as its getter returns it, except for the correlation data, which is a ByteBuffer that is not shared. */
    private final Map<String, Object> properties;

    /**
     * Makes a packet without properties.
     *
     * @param topic the topic
     * @param qos the quality of service, 0 to 2
     * @param retained whether the broker had retained the message
     * @param duplicate whether the message may have been delivered before
     */
    public PublishPacket(String topic, int qos, boolean retained, boolean duplicate) {
        this(topic, qos, retained, duplicate, Collections.emptyMap());
    }

    /**
     * Makes a packet with properties.
     *
     * @param topic the topic
     * @param qos the quality of service, 0 to 2
     * @param retained whether the broker had retained the message
     * @param duplicate whether the message may have been delivered before
     * @param properties any of {@code payload_format_indicator}, {@code message_expiry_interval} (whole numbers),
     *        {@code content_type} and {@code response_topic} (strings), {@code correlation_data} (bytes),
     *        {@code user_properties} (a list of lists of name and value), {@code subscription_identifiers} (a list
     *        of whole numbers)
     * @throws IllegalArgumentException if the quality of service or a property does not exist, or a property has the wrong
     *        type
     */
    public PublishPacket(String topic, int qos, boolean retained, boolean duplicate, Map<String, ?> properties) {
        this.topic = Objects.requireNonNull(topic, "topic");
        if (qos < 0 || qos > MAX_QOS) {
            throw new IllegalArgumentException("qos " + qos);
        }
        this.qos = (byte) qos;
        this.retained = retained;
        this.duplicate = duplicate;
        this.properties = Objects.requireNonNull(properties, "properties").isEmpty() ? Collections.emptyMap() : checked(properties);
    }

    private static Map<String, Object> checked(Map<String, ?> properties) {
        Map<String, Object> checked = new LinkedHashMap<>();
        properties.forEach((name, value) -> {
            try {
                checked.put(name, checked(name, value));
            } catch (ClassCastException | ArithmeticException | NullPointerException e) {
                throw new IllegalArgumentException("bad value of the property " + name);
            }
        });
        return checked;
    }

    private static Object checked(String name, Object value) {
        switch (name) {
            case PAYLOAD_FORMAT_INDICATOR:
                return Math.toIntExact(((Number) value).longValue());
            case MESSAGE_EXPIRY_INTERVAL:
                return ((Number) value).longValue();
            case CONTENT_TYPE:
            case RESPONSE_TOPIC:
                return Objects.requireNonNull((String) value);
            case CORRELATION_DATA:
                return ByteBuffer.wrap(((byte[]) value).clone());
            case USER_PROPERTIES:
                return pairs((List<?>) value);
            case SUBSCRIPTION_IDENTIFIERS:
                return identifiers((List<?>) value);
            default:
                throw new IllegalArgumentException("unknown property " + name);
        }
    }

    private static List<Map.Entry<String, String>> pairs(List<?> items) {
        List<Map.Entry<String, String>> pairs = new ArrayList<>();
        for (Object item : items) {
            List<?> pair = (List<?>) item;
            if (pair.size() != 2) {
                throw new IllegalArgumentException("a user property is a name and a value");
            }
            pairs.add(Map.entry((String) pair.get(0), (String) pair.get(1)));
        }
        return Collections.unmodifiableList(pairs);
    }

    private static List<Integer> identifiers(List<?> items) {
        List<Integer> identifiers = new ArrayList<>();
        for (Object item : items) {
            identifiers.add(Math.toIntExact(((Number) item).longValue()));
        }
        return Collections.unmodifiableList(identifiers);
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
     * Returns the quality of service of the delivery: the lower one of those that the writer and the reader asked for.
     *
     * @return 0, 1 or 2
     */
    public int getQos() {
        return qos;
    }

    /**
     * Tells whether the broker delivered this message because it had retained it for new subscribers.
     *
     * @return the retain flag
     */
    public boolean isRetained() {
        return retained;
    }

    /**
     * Tells whether the broker has tried to deliver this packet before.
     *
     * @return the duplicate flag
     */
    public boolean isDuplicate() {
        return duplicate;
    }

    /**
     * Returns the payload format indicator that the writer has set; MQTT 5, section 3.3.2.3.2.
     *
     * @return 0 for bytes, 1 for UTF-8, or null
     */
    public @Nullable Integer getPayloadFormatIndicator() {
        return (Integer) properties.get(PAYLOAD_FORMAT_INDICATOR);
    }

    /**
     * Returns the message expiry interval that was left when the broker sent the message; MQTT 5, section 3.3.2.3.3.
     *
     * @return seconds, or null if the message does not expire
     */
    public @Nullable Long getMessageExpiryInterval() {
        return (Long) properties.get(MESSAGE_EXPIRY_INTERVAL);
    }

    /**
     * Returns the content type that the writer has set; MQTT 5, section 3.3.2.3.9.
     *
     * @return for example a MIME type, or null
     */
    public @Nullable String getContentType() {
        return (String) properties.get(CONTENT_TYPE);
    }

    /**
     * Returns the topic on which the writer expects a response; MQTT 5, section 3.3.2.3.5.
     *
     * @return a topic, or null
     */
    public @Nullable String getResponseTopic() {
        return (String) properties.get(RESPONSE_TOPIC);
    }

    /**
     * Returns the correlation data that a response has to repeat; MQTT 5, section 3.3.2.3.6.
     *
     * @return a copy, or null
     */
    public byte @Nullable [] getCorrelationData() {
        ByteBuffer data = (ByteBuffer) properties.get(CORRELATION_DATA);
        return data == null ? null : data.array().clone();
    }

    /**
     * Returns the user properties in the writer's order; a name may occur several times. MQTT 5, section 3.3.2.3.7.
     *
     * @return an unmodifiable list, empty when there are none
     */
    @SuppressWarnings("unchecked") // pairs() has made this type
    public List<Map.Entry<String, String>> getUserProperties() {
        return (List<Map.Entry<String, String>>) properties.getOrDefault(USER_PROPERTIES, Collections.emptyList());
    }

    /**
     * Returns the identifiers of the subscriptions that the message matched; MQTT 5, section 3.3.2.3.8.
     *
     * @return an unmodifiable list, empty when there are none
     */
    @SuppressWarnings("unchecked") // identifiers() has made this type
    public List<Integer> getSubscriptionIdentifiers() {
        return (List<Integer>) properties.getOrDefault(SUBSCRIPTION_IDENTIFIERS, Collections.emptyList());
    }

    /** Compares all parts. */
    @Override
    public boolean equals(@Nullable Object other) {
        if (!(other instanceof PublishPacket)) {
            return false;
        }
        PublishPacket that = (PublishPacket) other;
        return topic.equals(that.topic) && qos == that.qos && retained == that.retained
                && duplicate == that.duplicate && properties.equals(that.properties);
    }

    @Override
    public int hashCode() {
        return Objects.hash(topic, qos, retained, duplicate, properties);
    }

    /** Names the properties without their values, because packets end up in logs. */
    @Override
    public String toString() {
        return "PublishPacket(topic=" + topic + ", qos=" + qos + ", retained=" + retained + ", duplicate=" + duplicate
                + ", properties=" + properties.keySet() + ")";
    }
}
