package jp.ad.sinet.stream.api;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;

import org.jspecify.annotations.Nullable;

/**
 * Options of one message. An option replaces the service's parameter for this message only; user properties replace those of
 * the same names. Immutable. The write checks the options, and throws {@link InvalidConfigurationException} when one is
 * wrong, or when the protocol version does not support it: all but the topic and the retain flag need MQTT 5.
 *
 * @see MessageWriter#write(Object, WriteOptions)
 * @see AsyncMessageWriter#write(Object, WriteOptions)
 */
public final class WriteOptions {
    private final @Nullable String topic;
    private final @Nullable Boolean retain;
    private final @Nullable Duration messageExpiry;
    private final @Nullable String contentType;
    private final @Nullable String responseTopic;
    private final byte @Nullable [] correlationData;
    private final List<Map.Entry<String, String>> userProperties;

    private WriteOptions(Builder builder) {
        topic = builder.topic;
        retain = builder.retain;
        messageExpiry = builder.messageExpiry;
        contentType = builder.contentType;
        responseTopic = builder.responseTopic;
        correlationData = builder.correlationData;
        userProperties = Collections.unmodifiableList(new ArrayList<>(builder.userProperties));
    }

    /**
     * Returns a builder without any options.
     *
     * @return a builder
     */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * Returns the topic of the message.
     *
     * @return the topic, or null if the service's applies
     */
    public @Nullable String getTopic() {
        return topic;
    }

    /**
     * Tells whether the broker retains the message for new subscribers of its topic.
     *
     * @return the retain flag, or null if the service's applies
     */
    public @Nullable Boolean getRetain() {
        return retain;
    }

    /**
     * Returns the message expiry interval, which begins when the broker has the message.
     *
     * @return the interval, or null if the service's applies
     */
    public @Nullable Duration getMessageExpiry() {
        return messageExpiry;
    }

    /**
     * Returns the content type of the value.
     *
     * @return for example a MIME type, or null if the service's applies
     */
    public @Nullable String getContentType() {
        return contentType;
    }

    /**
     * Returns the response topic.
     *
     * @return a topic, or null if the service's applies
     */
    public @Nullable String getResponseTopic() {
        return responseTopic;
    }

    /**
     * Returns the correlation data.
     *
     * @return a copy, or null if the service's applies
     */
    public byte @Nullable [] getCorrelationData() {
        return correlationData == null ? null : correlationData.clone();
    }

    /**
     * Returns the user properties, in the order in which they were given.
     *
     * @return an unmodifiable list, empty when there are none
     */
    public List<Map.Entry<String, String>> getUserProperties() {
        return userProperties;
    }

    /** Shows the topic and the retain flag only, because options end up in logs. */
    @Override
    public String toString() {
        return "WriteOptions(topic=" + topic + ", retain=" + retain + ", messageExpiry=" + messageExpiry + ", userProperties="
                + userProperties.size() + ")";
    }

    /** Collects the options of a message. Not thread-safe. */
    public static final class Builder {
        private @Nullable String topic;
        private @Nullable Boolean retain;
        private @Nullable Duration messageExpiry;
        private @Nullable String contentType;
        private @Nullable String responseTopic;
        private byte @Nullable [] correlationData;
        private final List<Map.Entry<String, String>> userProperties = new ArrayList<>();

        private Builder() {
        }

        /**
         * Sets the topic of the message. Everything else of the service still applies.
         *
         * @param name a topic without wildcards
         * @return this
         */
        public Builder topic(String name) {
            topic = Objects.requireNonNull(name, "topic");
            return this;
        }

        /**
         * Sets whether the broker retains the message for new subscribers of its topic.
         *
         * @param flag true to retain it
         * @return this
         */
        public Builder retain(boolean flag) {
            retain = flag;
            return this;
        }

        /**
         * Sets the message expiry interval ({@code message_expiry_interval}), which begins when the broker has the message;
         * MQTT 5, section 3.3.2.3.3.
         *
         * @param time the interval, which is rounded up to whole seconds
         * @return this
         * @throws IllegalArgumentException if it is negative
         */
        public Builder messageExpiry(Duration time) {
            if (Objects.requireNonNull(time, "messageExpiry").isNegative()) {
                throw new IllegalArgumentException("the message expiry is " + time + "; expected 0 or more");
            }
            messageExpiry = time;
            return this;
        }

        /**
         * Sets the content type of the value; MQTT 5, section 3.3.2.3.9.
         *
         * @param type usually a MIME type
         * @return this
         */
        public Builder contentType(String type) {
            contentType = Objects.requireNonNull(type, "contentType");
            return this;
        }

        /**
         * Sets the topic on which a response is expected; MQTT 5, section 3.3.2.3.5.
         *
         * @param name a topic without wildcards
         * @return this
         */
        public Builder responseTopic(String name) {
            responseTopic = Objects.requireNonNull(name, "responseTopic");
            return this;
        }

        /**
         * Sets the correlation data: what a response has to repeat, or what the request carried that this message answers;
         * MQTT 5, section 3.3.2.3.6.
         *
         * @param data bytes, which are copied
         * @return this
         */
        public Builder correlationData(byte[] data) {
            correlationData = Objects.requireNonNull(data, "correlationData").clone();
            return this;
        }

        /**
         * Adds a user property; MQTT 5, section 3.3.2.3.7. Those of several calls are sent in the order of the calls, and a
         * name may occur several times. They follow the user properties of the service, except those with the same name,
         * which are omitted.
         *
         * @param name the name
         * @param value the value
         * @return this
         */
        public Builder userProperty(String name, String value) {
            userProperties.add(Map.entry(Objects.requireNonNull(name, "name"), Objects.requireNonNull(value, "value")));
            return this;
        }

        /**
         * Returns the options that were set.
         *
         * @return the options
         */
        public WriteOptions build() {
            return new WriteOptions(this);
        }
    }
}
