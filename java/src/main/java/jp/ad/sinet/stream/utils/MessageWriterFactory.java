package jp.ad.sinet.stream.utils;

import java.io.File;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executor;

import org.jspecify.annotations.Nullable;

import jp.ad.sinet.stream.api.ConnectionListener;
import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.Login;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.Serializer;
import jp.ad.sinet.stream.api.ValueType;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.engine.Opening;
import jp.ad.sinet.stream.engine.boundary.Options;

/**
 * Makes writers. Several threads may use a factory, and it may make any number of writers.
 *
 * @param <T> the type of the values
 */
public class MessageWriterFactory<T> extends ClientFactory {
    /** The default values of parameters, by their names in a configuration file. The map cannot be modified. */
    public static final Map<String, Object> defaultValues = defaultValues();

    private final @Nullable String topic;
    private final @Nullable Serializer<T> serializer;

    private MessageWriterFactory(MessageWriterFactoryBuilder<T> builder) {
        super(builder);
        topic = builder.topic;
        serializer = builder.serializer;
    }

    private static Map<String, Object> defaultValues() {
        Map<String, Object> values = new LinkedHashMap<>();
        values.put("consistency", Consistency.AT_MOST_ONCE);
        values.put("value_type", SimpleValueType.BYTE_ARRAY);
        values.put("user_data_only", false);
        values.put("data_compression", false);
        values.put("data_encryption", false);
        return Collections.unmodifiableMap(values);
    }

    /**
     * Returns a builder in which nothing is set.
     *
     * @param <T> the type of the values
     * @return a builder
     */
    public static <T> MessageWriterFactoryBuilder<T> builder() {
        return new MessageWriterFactoryBuilder<>();
    }

    /**
     * Makes a writer. Blocks until the writer is connected, at most for the configured time limit. Everything is checked
     * before connecting, and nothing stays open when this method fails.
     *
     * @return the writer, which the caller must close
     * @throws jp.ad.sinet.stream.api.InvalidConfigurationException when the configuration or a value given to the
     *         builder is wrong
     * @throws jp.ad.sinet.stream.api.NoConfigException when there is no configuration file
     * @throws jp.ad.sinet.stream.api.NoServiceException when the service is not known
     * @throws jp.ad.sinet.stream.api.UnsupportedServiceTypeException when the type of the service is not known
     * @throws jp.ad.sinet.stream.api.ConnectionException when no connection can be made, or the thread is interrupted (its
     *        interrupt flag is set again)
     * @throws jp.ad.sinet.stream.api.AuthenticationException when the broker refuses the credentials
     */
    public MessageWriter<T> getWriter() {
        return made(Opening.writer(options(), serializer), writer -> Collections.singletonList(writer.getTopic()));
    }

    /**
     * Makes an asynchronous writer. Blocks as {@link #getWriter} does, and throws the same exceptions.
     *
     * @return the writer, which the caller should close
     */
    public AsyncMessageWriter<T> getAsyncWriter() {
        return made(Opening.asyncWriter(options().executor(executor()), serializer), writer -> Collections.singletonList(writer.getTopic()));
    }

    private Options options() {
        return filled(Options.forWriter())
                .field("topic", topic);
    }

    /**
     * Returns the topic.
     *
     * @return the value in force for the client that was made last; before the first one, the builder's value, or null
     */
    public @Nullable String getTopic() {
        InForce now = inForce();
        return now == null ? topic : now.topics.get(0);
    }

    /**
     * Returns the serializer.
     *
     * @return the builder's value, or null
     */
    public @Nullable Serializer<T> getSerializer() {
        return serializer;
    }

    /**
     * Collects the settings of a factory. A setting that is absent or null comes from the configuration file. Not
     * thread-safe.
     *
     * @param <T> the type of the values
     */
    public static class MessageWriterFactoryBuilder<T> extends ClientFactoryBuilder<MessageWriterFactoryBuilder<T>> {
        private @Nullable String topic;
        private @Nullable Serializer<T> serializer;

        /** Only {@link #builder} calls this constructor. */
        MessageWriterFactoryBuilder() {
        }

        @Override
        MessageWriterFactoryBuilder<T> self() {
            return this;
        }

        @Override
        public MessageWriterFactoryBuilder<T> type(@Nullable String type) {
            return super.type(type);
        }

        @Override
        public MessageWriterFactoryBuilder<T> service(@Nullable String service) {
            return super.service(service);
        }

        /**
         * Sets the topic.
         *
         * @param topic the topic that messages are published to
         * @return this builder
         */
        public MessageWriterFactoryBuilder<T> topic(@Nullable String topic) {
            this.topic = topic;
            return this;
        }

        @Override
        public MessageWriterFactoryBuilder<T> consistency(@Nullable Consistency consistency) {
            return super.consistency(consistency);
        }

        @Override
        public MessageWriterFactoryBuilder<T> clientId(@Nullable String clientId) {
            return super.clientId(clientId);
        }

        @Override
        public MessageWriterFactoryBuilder<T> valueType(@Nullable ValueType valueType) {
            return super.valueType(valueType);
        }

        @Override
        public MessageWriterFactoryBuilder<T> userDataOnly(@Nullable Boolean userDataOnly) {
            return super.userDataOnly(userDataOnly);
        }

        @Override
        public MessageWriterFactoryBuilder<T> parameter(String name, @Nullable Object value) {
            return super.parameter(name, value);
        }

        @Override
        public MessageWriterFactoryBuilder<T> parameters(Map<? extends String, ? extends @Nullable Object> parameters) {
            return super.parameters(parameters);
        }

        @Override
        public MessageWriterFactoryBuilder<T> clearParameters() {
            return super.clearParameters();
        }

        /**
         * Sets the serializer.
         *
         * @param serializer the serializer; it takes precedence over a class named in the configuration and over the value
         *        type
         * @return this builder
         */
        public MessageWriterFactoryBuilder<T> serializer(@Nullable Serializer<T> serializer) {
            this.serializer = serializer;
            return this;
        }

        @Override
        public MessageWriterFactoryBuilder<T> dataCompression(@Nullable Boolean dataCompression) {
            return super.dataCompression(dataCompression);
        }

        @Override
        public MessageWriterFactoryBuilder<T> dataEncryption(@Nullable Boolean dataEncryption) {
            return super.dataEncryption(dataEncryption);
        }

        @Override
        public MessageWriterFactoryBuilder<T> noConfig(@Nullable Boolean noConfig) {
            return super.noConfig(noConfig);
        }

        @Override
        public MessageWriterFactoryBuilder<T> configFile(@Nullable Path configFile) {
            return super.configFile(configFile);
        }

        @Override
        public MessageWriterFactoryBuilder<T> configName(@Nullable String configName) {
            return super.configName(configName);
        }

        @Override
        public MessageWriterFactoryBuilder<T> authFile(@Nullable Path authFile) {
            return super.authFile(authFile);
        }

        @Override
        public MessageWriterFactoryBuilder<T> privKeyFile(@Nullable Path privKeyFile) {
            return super.privKeyFile(privKeyFile);
        }

        @Override
        public MessageWriterFactoryBuilder<T> debugHttpTransport(@Nullable Object debugHttpTransport) {
            return super.debugHttpTransport(debugHttpTransport);
        }

        @Override
        public MessageWriterFactoryBuilder<T> tmpLst(@Nullable List<File> tmpLst) {
            return super.tmpLst(tmpLst);
        }

        /**
         * Makes the factory. The builder can be reused.
         *
         * @return the factory
         */
        public MessageWriterFactory<T> build() {
            return new MessageWriterFactory<>(this);
        }

        /** Names the parameters without their values, which may be secret. */
        @Override
        public String toString() {
            return shown("MessageWriterFactoryBuilder", ", topic=" + topic
                    + ", serializer=" + (serializer == null ? null : serializer.getClass().getName()));
        }
    }
}
