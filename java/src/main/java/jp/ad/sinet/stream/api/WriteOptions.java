package jp.ad.sinet.stream.api;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Options of one message. What is given replaces the service's parameter for this message only; of user properties, those with the
 * same names. They do not change. The write checks them, and throws {@link InvalidConfigurationException} where one is wrong, or
 * where the protocol does not have it: all but the topic and the flag need MQTT 5.
 *
 * @see MessageWriter#write(Object, WriteOptions)
 * @see AsyncMessageWriter#write(Object, WriteOptions)
 */
public final class WriteOptions {
    private final String topic;
    private final Boolean retain;
    private final Duration messageExpiry;
    private final String contentType;
    private final String responseTopic;
    private final byte[] correlationData;
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
     * Begins with no option.
     *
     * @return a builder
     */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * The topic of the message.
     *
     * @return the topic, or null for the service's
     */
    public String getTopic() {
        return topic;
    }

    /**
     * Whether the broker keeps the message for new readers of its topic.
     *
     * @return the flag, or null for the service's
     */
    public Boolean getRetain() {
        return retain;
    }

    /**
     * How long the message counts from when the broker has it.
     *
     * @return the time, or null for the service's
     */
    public Duration getMessageExpiry() {
        return messageExpiry;
    }

    /**
     * What the value is.
     *
     * @return for example a MIME type, or null for the service's
     */
    public String getContentType() {
        return contentType;
    }

    /**
     * Where an answer should be sent.
     *
     * @return a topic, or null for the service's
     */
    public String getResponseTopic() {
        return responseTopic;
    }

    /**
     * What an answer should carry.
     *
     * @return a copy, or null for the service's
     */
    public byte[] getCorrelationData() {
        return correlationData == null ? null : correlationData.clone();
    }

    /**
     * Names and values, in the order in which they were given.
     *
     * @return an unmodifiable list, empty when there are none
     */
    public List<Map.Entry<String, String>> getUserProperties() {
        return userProperties;
    }

    /** Names topic and flag, and not what the application puts in: options end up in logs. */
    @Override
    public String toString() {
        return "WriteOptions(topic=" + topic + ", retain=" + retain + ", messageExpiry=" + messageExpiry + ", userProperties="
                + userProperties.size() + ")";
    }

    /** Gathers the options of a message. */
    public static final class Builder {
        private String topic;
        private Boolean retain;
        private Duration messageExpiry;
        private String contentType;
        private String responseTopic;
        private byte[] correlationData;
        private final List<Map.Entry<String, String>> userProperties = new ArrayList<>();

        private Builder() {
        }

        /**
         * The topic of the message. The writer's connection and everything else of its service stay.
         *
         * @param name a topic without wildcards
         * @return this
         */
        public Builder topic(String name) {
            topic = Objects.requireNonNull(name, "topic");
            return this;
        }

        /**
         * Whether the broker keeps the message for new readers of its topic.
         *
         * @param flag true to keep it
         * @return this
         */
        public Builder retain(boolean flag) {
            retain = flag;
            return this;
        }

        /**
         * How long the message counts from when the broker has it ({@code message_expiry_interval}); MQTT 5, section 3.3.2.3.3.
         *
         * @param time rounded up to whole seconds
         * @return this
         * @throws IllegalArgumentException if it is negative
         */
        public Builder messageExpiry(Duration time) {
            if (time.isNegative()) {
                throw new IllegalArgumentException("the message expiry is " + time + "; expected 0 or more");
            }
            messageExpiry = time;
            return this;
        }

        /**
         * What the value is; MQTT 5, section 3.3.2.3.9.
         *
         * @param type usually a MIME type
         * @return this
         */
        public Builder contentType(String type) {
            contentType = Objects.requireNonNull(type, "contentType");
            return this;
        }

        /**
         * Where an answer should be sent; MQTT 5, section 3.3.2.3.5.
         *
         * @param name a topic without wildcards
         * @return this
         */
        public Builder responseTopic(String name) {
            responseTopic = Objects.requireNonNull(name, "responseTopic");
            return this;
        }

        /**
         * What an answer should carry, or what the request carried that this message answers; MQTT 5, section 3.3.2.3.6.
         *
         * @param data bytes, which are copied
         * @return this
         */
        public Builder correlationData(byte[] data) {
            correlationData = data.clone();
            return this;
        }

        /**
         * A name and a value; MQTT 5, section 3.3.2.3.7. Those of several calls are sent in the order of the calls, and a name may
         * occur several times. They come after the service's user properties, of which those with the same name are left out.
         *
         * @param name the name
         * @param value the value
         * @return this
         */
        public Builder userProperty(String name, String value) {
            userProperties.add(Map.entry(name, value));
            return this;
        }

        /**
         * Makes the options.
         *
         * @return what was given so far
         */
        public WriteOptions build() {
            return new WriteOptions(this);
        }
    }
}
