package jp.ad.sinet.stream.utils;

import java.io.File;
import java.io.InputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.Executor;

import org.jspecify.annotations.Nullable;

import jp.ad.sinet.stream.api.Acknowledge;
import jp.ad.sinet.stream.api.ConnectionListener;
import jp.ad.sinet.stream.api.AsyncMessageReader;
import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.Deserializer;
import jp.ad.sinet.stream.api.Login;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.ValueType;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.engine.Opening;
import jp.ad.sinet.stream.engine.boundary.Options;

/**
 * Makes readers. Several threads may use a factory, and it may make any number of readers.
 *
 * @param <T> the type of the values
 */
public class MessageReaderFactory<T> extends ClientFactory {
    /** The default values of parameters, by their names in a configuration file. The map cannot be modified. */
    public static final Map<String, Object> defaultValues = defaultValues();

    private final List<String> topics;
    private final @Nullable Duration receiveTimeout;
    private final @Nullable Deserializer<T> deserializer;
    private final @Nullable Acknowledge acknowledge;
    private final @Nullable Integer processedTries;

    private MessageReaderFactory(MessageReaderFactoryBuilder<T> builder) {
        super(builder);
        topics = Collections.unmodifiableList(new ArrayList<>(builder.topics));
        receiveTimeout = builder.receiveTimeout;
        deserializer = builder.deserializer;
        acknowledge = builder.acknowledge;
        processedTries = builder.processedTries;
    }

    private static Map<String, Object> defaultValues() {
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("consistency", Consistency.AT_MOST_ONCE);
        values.put("value_type", SimpleValueType.BYTE_ARRAY);
        values.put("user_data_only", false);
        values.put("data_compression", false);
        values.put("data_encryption", false);
        values.put("receive_timeout_ms", Duration.ofNanos(Long.MAX_VALUE));
        return Collections.unmodifiableMap(values);
    }

    /**
     * Returns a builder in which nothing is set.
     *
     * @param <T> the type of the values
     * @return a builder
     */
    public static <T> MessageReaderFactoryBuilder<T> builder() {
        return new MessageReaderFactoryBuilder<>();
    }

    /**
     * Makes a reader. Blocks until the reader is connected and subscribed, at most for the configured time limit. Everything
     * is checked before connecting, and nothing stays open when this method fails.
     *
     * @return the reader, which the caller must close
     * @throws jp.ad.sinet.stream.api.InvalidConfigurationException when the configuration or a value given to the
     *         builder is wrong
     * @throws jp.ad.sinet.stream.api.NoConfigException when there is no configuration file
     * @throws jp.ad.sinet.stream.api.NoServiceException when the service is not known
     * @throws jp.ad.sinet.stream.api.UnsupportedServiceTypeException when the type of the service is not known
     * @throws jp.ad.sinet.stream.api.ConnectionException when no connection can be made, or the thread is interrupted (its
     *        interrupt flag is set again)
     * @throws jp.ad.sinet.stream.api.AuthenticationException when the broker refuses the credentials
     * @throws jp.ad.sinet.stream.api.AuthorizationException when the broker refuses the subscription
     */
    public MessageReader<T> getReader() {
        return made(Opening.reader(options(), deserializer), MessageReader::getTopics);
    }

    /**
     * Makes an asynchronous reader. Blocks as {@link #getReader} does, and throws the same exceptions.
     *
     * @return the reader, which the caller must close
     */
    public AsyncMessageReader<T> getAsyncReader() {
        return made(Opening.asyncReader(options().executor(executor()), deserializer), AsyncMessageReader::getTopics);
    }

    private Options options() {
        return filled(Options.forReader())
                .field("topic", topics.isEmpty() ? null : topics)
                .field("acknowledge", acknowledge == null ? null : acknowledge.getName())
                .field("processed_tries", processedTries)
                .receiveTimeout(receiveTimeout);
    }

    /**
     * Returns the topics of the client that was made last; before the first one, those of the builder. The list cannot be
     * modified.
     *
     * @return the topics
     */
    public List<String> getTopics() {
        InForce now = inForce();
        return now == null ? topics : now.topics;
    }

    /**
     * Returns how long a read waits.
     *
     * @return the builder's value, or null
     */
    public @Nullable Duration getReceiveTimeout() {
        return receiveTimeout;
    }

    /**
     * Returns the deserializer.
     *
     * @return the builder's value, or null
     */
    public @Nullable Deserializer<T> getDeserializer() {
        return deserializer;
    }

    /**
     * Returns when messages are acknowledged.
     *
     * @return the builder's value, or null
     */
    public @Nullable Acknowledge getAcknowledge() {
        return acknowledge;
    }

    /**
     * Returns how many times a callback that throws receives the same message.
     *
     * @return the builder's value, or null
     */
    public @Nullable Integer getProcessedTries() {
        return processedTries;
    }

    /**
     * Collects the settings of a factory. A setting that is absent or null comes from the configuration file. Not
     * thread-safe.
     *
     * @param <T> the type of the values
     */
    public static class MessageReaderFactoryBuilder<T> extends ClientFactoryBuilder<MessageReaderFactoryBuilder<T>> {
        private final List<String> topics = new ArrayList<>();
        private @Nullable Duration receiveTimeout;
        private @Nullable Deserializer<T> deserializer;
        private @Nullable Acknowledge acknowledge;
        private @Nullable Integer processedTries;

        /** Only {@link #builder} calls this constructor. */
        MessageReaderFactoryBuilder() {
        }

        @Override
        MessageReaderFactoryBuilder<T> self() {
            return this;
        }

        @Override
        public MessageReaderFactoryBuilder<T> type(@Nullable String type) {
            return super.type(type);
        }

        @Override
        public MessageReaderFactoryBuilder<T> service(@Nullable String service) {
            return super.service(service);
        }

        /**
         * Adds a topic.
         *
         * @param topic a topic, which may have wildcards; null adds none
         * @return this builder
         */
        public MessageReaderFactoryBuilder<T> topic(@Nullable String topic) {
            if (topic != null) {
                topics.add(topic);
            }
            return this;
        }

        /**
         * Adds topics.
         *
         * @param topics topics, which may have wildcards
         * @return this builder
         */
        public MessageReaderFactoryBuilder<T> topics(Collection<? extends String> topics) {
            this.topics.addAll(Objects.requireNonNull(topics, "topics"));
            return this;
        }

        /**
         * Removes all topics.
         *
         * @return this builder
         */
        public MessageReaderFactoryBuilder<T> clearTopics() {
            topics.clear();
            return this;
        }

        @Override
        public MessageReaderFactoryBuilder<T> consistency(@Nullable Consistency consistency) {
            return super.consistency(consistency);
        }

        @Override
        public MessageReaderFactoryBuilder<T> clientId(@Nullable String clientId) {
            return super.clientId(clientId);
        }

        @Override
        public MessageReaderFactoryBuilder<T> valueType(@Nullable ValueType valueType) {
            return super.valueType(valueType);
        }

        @Override
        public MessageReaderFactoryBuilder<T> userDataOnly(@Nullable Boolean userDataOnly) {
            return super.userDataOnly(userDataOnly);
        }

        /**
         * Sets how long a read waits.
         *
         * @param receiveTimeout how long a read waits
         * @return this builder
         */
        public MessageReaderFactoryBuilder<T> receiveTimeout(@Nullable Duration receiveTimeout) {
            this.receiveTimeout = receiveTimeout;
            return this;
        }

        @Override
        public MessageReaderFactoryBuilder<T> parameter(String name, @Nullable Object value) {
            return super.parameter(name, value);
        }

        @Override
        public MessageReaderFactoryBuilder<T> parameters(Map<? extends String, ? extends @Nullable Object> parameters) {
            return super.parameters(parameters);
        }

        @Override
        public MessageReaderFactoryBuilder<T> clearParameters() {
            return super.clearParameters();
        }

        /**
         * Sets the deserializer.
         *
         * @param deserializer the deserializer; it takes precedence over a class named in the configuration and over the
         *        value type
         * @return this builder
         */
        public MessageReaderFactoryBuilder<T> deserializer(@Nullable Deserializer<T> deserializer) {
            this.deserializer = deserializer;
            return this;
        }

        /**
         * Sets when messages are acknowledged to the broker.
         *
         * @param acknowledge when to acknowledge; null leaves it to the configuration
         * @return this builder
         */
        public MessageReaderFactoryBuilder<T> acknowledge(@Nullable Acknowledge acknowledge) {
            this.acknowledge = acknowledge;
            return this;
        }

        /**
         * Sets how many times a message is given to a callback that throws, before it is acknowledged all the same. This
         * applies only to asynchronous readers with {@code acknowledge: processed}.
         *
         * @param processedTries at least 1; null leaves it to the configuration
         * @return this builder
         */
        public MessageReaderFactoryBuilder<T> processedTries(@Nullable Integer processedTries) {
            this.processedTries = processedTries;
            return this;
        }

        @Override
        public MessageReaderFactoryBuilder<T> dataCompression(@Nullable Boolean dataCompression) {
            return super.dataCompression(dataCompression);
        }

        @Override
        public MessageReaderFactoryBuilder<T> dataEncryption(@Nullable Boolean dataEncryption) {
            return super.dataEncryption(dataEncryption);
        }

        @Override
        public MessageReaderFactoryBuilder<T> noConfig(@Nullable Boolean noConfig) {
            return super.noConfig(noConfig);
        }

        @Override
        public MessageReaderFactoryBuilder<T> configFile(@Nullable Path configFile) {
            return super.configFile(configFile);
        }

        @Override
        public MessageReaderFactoryBuilder<T> configName(@Nullable String configName) {
            return super.configName(configName);
        }

        @Override
        public MessageReaderFactoryBuilder<T> authFile(@Nullable Path authFile) {
            return super.authFile(authFile);
        }

        @Override
        public MessageReaderFactoryBuilder<T> privKeyFile(@Nullable Path privKeyFile) {
            return super.privKeyFile(privKeyFile);
        }

        @Override
        public MessageReaderFactoryBuilder<T> debugHttpTransport(@Nullable Object debugHttpTransport) {
            return super.debugHttpTransport(debugHttpTransport);
        }

        @Override
        public MessageReaderFactoryBuilder<T> tmpLst(@Nullable List<File> tmpLst) {
            return super.tmpLst(tmpLst);
        }

        /**
         * Makes the factory. The builder can be reused.
         *
         * @return the factory
         */
        public MessageReaderFactory<T> build() {
            return new MessageReaderFactory<>(this);
        }

        /** Names the parameters without their values, which may be secret. */
        @Override
        public String toString() {
            return shown("MessageReaderFactoryBuilder", ", topics=" + topics + ", receiveTimeout=" + receiveTimeout
                    + ", deserializer=" + (deserializer == null ? null : deserializer.getClass().getName()));
        }
    }
}
