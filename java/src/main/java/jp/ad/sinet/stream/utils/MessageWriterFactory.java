package jp.ad.sinet.stream.utils;

import java.io.File;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;

import jp.ad.sinet.stream.api.ConnectionListener;
import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.Serializer;
import jp.ad.sinet.stream.api.ValueType;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.engine.NativeAsyncMessageWriter;
import jp.ad.sinet.stream.engine.NativeMessageWriter;
import jp.ad.sinet.stream.engine.Options;

/**
 * Makes writers. May be used by several threads, and may make any number of writers.
 *
 * @param <T> the type of the values
 */
public class MessageWriterFactory<T> {
    /** The values of parameters that nobody sets, by their names in a configuration file. Cannot be modified. */
    public static final Map<String, Object> defaultValues = defaultValues();

    private final String type;
    private final String service;
    private final String topic;
    private final Consistency consistency;
    private final String clientId;
    private final ValueType valueType;
    private final Boolean userDataOnly;
    private final Map<String, Object> parameters;
    private final Serializer<T> serializer;
    private final ConnectionListener connectionListener;
    private final Executor executor;
    private final Boolean dataCompression;
    private final Boolean dataEncryption;
    private final Boolean noConfig;
    private final Path configFile;
    private final String configName;
    private final Path authFile;
    private final Path privKeyFile;
    private final Object debugHttpTransport;
    private final List<File> tmpLst;
    private volatile InForce inForce;

    private MessageWriterFactory(MessageWriterFactoryBuilder<T> builder) {
        type = builder.type;
        service = builder.service;
        topic = builder.topic;
        consistency = builder.consistency;
        clientId = builder.clientId;
        valueType = builder.valueType;
        userDataOnly = builder.userDataOnly;
        parameters = Collections.unmodifiableMap(new LinkedHashMap<>(builder.parameters));
        serializer = builder.serializer;
        connectionListener = builder.connectionListener;
        executor = builder.executor;
        dataCompression = builder.dataCompression;
        dataEncryption = builder.dataEncryption;
        noConfig = Boolean.TRUE.equals(builder.noConfig);
        configFile = builder.configFile;
        configName = builder.configName;
        authFile = builder.authFile;
        privKeyFile = builder.privKeyFile;
        debugHttpTransport = builder.debugHttpTransport;
        tmpLst = builder.tmpLst;
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
     * Starts a factory in which nothing is set.
     *
     * @param <T> the type of the values
     * @return a builder
     */
    public static <T> MessageWriterFactoryBuilder<T> builder() {
        return new MessageWriterFactoryBuilder<>();
    }

    /**
     * Makes a writer. Blocks until it is connected, at most for the configured time limit. Everything is
     * checked before connecting, and nothing stays open when this fails.
     *
     * @return the writer; to be closed by the caller
     * @throws jp.ad.sinet.stream.api.InvalidConfigurationException when the configuration or a value given to the
     *         builder is wrong
     * @throws jp.ad.sinet.stream.api.NoConfigException when there is no configuration file
     * @throws jp.ad.sinet.stream.api.NoServiceException when the service is not known
     * @throws jp.ad.sinet.stream.api.UnsupportedServiceTypeException when the type of the service is not known
     * @throws jp.ad.sinet.stream.api.ConnectionException when there is no connection, or the thread is interrupted (its
     *         interrupt flag is set again)
     * @throws jp.ad.sinet.stream.api.AuthenticationException when the broker refuses the credentials
     */
    public MessageWriter<T> getWriter() {
        MessageWriter<T> writer = NativeMessageWriter.open(options(), serializer);
        inForce = new InForce(writer, Collections.singletonList(writer.getTopic()));
        return writer;
    }

    /**
     * Opens an asynchronous writer. Blocks as {@link #getWriter} does, and throws the same exceptions.
     *
     * @return the writer
     */
    public AsyncMessageWriter<T> getAsyncWriter() {
        AsyncMessageWriter<T> writer = NativeAsyncMessageWriter.open(options().executor(executor), serializer);
        inForce = new InForce(writer, Collections.singletonList(writer.getTopic()));
        return writer;
    }

    private Options options() {
        return Options.forWriter()
                .service(service)
                .configFile(configFile)
                .noConfig(noConfig)
                .connectionListener(connectionListener)
                .parameters(parameters)
                .field("type", type)
                .field("topic", topic)
                .field("client_id", clientId)
                .field("consistency", consistency)
                .field("value_type", valueType)
                .field("user_data_only", userDataOnly)
                .field("data_compression", dataCompression)
                .field("data_encryption", dataEncryption)
                .field("config_name", configName)
                .field("auth_file", authFile)
                .field("private_key_file", privKeyFile)
                .field("http_transport", debugHttpTransport == null ? null : Boolean.TRUE);
    }

    /**
     * The messaging system, {@code mqtt}.
     *
     * @return what counts for the client that was made last; before the first one, what the builder was given, or null
     */
    public String getType() {
        InForce now = inForce;
        return now == null ? type : now.type;
    }

    /**
     * The service in the configuration file.
     *
     * @return what counts for the client that was made last; before the first one, what the builder was given, or null
     */
    public String getService() {
        InForce now = inForce;
        return now == null ? service : now.service;
    }

    /**
     * The topic.
     *
     * @return what counts for the client that was made last; before the first one, what the builder was given, or null
     */
    public String getTopic() {
        InForce now = inForce;
        return now == null ? topic : now.topics.get(0);
    }

    /**
     * How much is done to deliver each message.
     *
     * @return what counts for the client that was made last; before the first one, what the builder was given, or null
     */
    public Consistency getConsistency() {
        InForce now = inForce;
        return now == null ? consistency : now.consistency;
    }

    /**
     * The client identifier shown to the broker.
     *
     * @return what the builder was given, or null
     */
    public String getClientId() {
        return clientId;
    }

    /**
     * The kind of values.
     *
     * @return what counts for the client that was made last; before the first one, what the builder was given, or null
     */
    public ValueType getValueType() {
        InForce now = inForce;
        return now == null ? valueType : now.valueType;
    }

    /**
     * Whether messages are the bytes of the value alone, without the header and the time.
     *
     * @return what counts for the client that was made last; before the first one, what the builder was given, or null
     */
    public Boolean getUserDataOnly() {
        InForce now = inForce;
        return now == null ? userDataOnly : now.userDataOnly;
    }

    /**
     * The parameters; a map that cannot be modified.
     *
     * @return a map, empty when there are none
     */
    public Map<String, Object> getParameters() {
        return parameters;
    }

    /**
     * The serializer.
     *
     * @return what the builder was given, or null
     */
    public Serializer<T> getSerializer() {
        return serializer;
    }

    /**
     * Who is told how the connection changes.
     *
     * @return what the builder was given, or null
     */
    public ConnectionListener getConnectionListener() {
        return connectionListener;
    }

    /**
     * Whether values are compressed.
     *
     * @return what counts for the client that was made last; before the first one, what the builder was given, or null
     */
    public Boolean getDataCompression() {
        InForce now = inForce;
        return now == null ? dataCompression : now.dataCompression;
    }

    /**
     * Whether messages are encrypted.
     *
     * @return what counts for the client that was made last; before the first one, what the builder was given, or null
     */
    public Boolean getDataEncryption() {
        InForce now = inForce;
        return now == null ? dataEncryption : now.dataEncryption;
    }

    /**
     * Whether to do without a configuration file.
     *
     * @return true or false
     */
    public Boolean getNoConfig() {
        return noConfig;
    }

    /**
     * The configuration file.
     *
     * @return what the builder was given, or null
     */
    public Path getConfigFile() {
        return configFile;
    }

    /**
     * The name of the configuration on a configuration server.
     *
     * @return what the builder was given, or null
     */
    public String getConfigName() {
        return configName;
    }

    /**
     * The file with the credentials for a configuration server.
     *
     * @return what the builder was given, or null
     */
    public Path getAuthFile() {
        return authFile;
    }

    /**
     * The file with the private key that decrypts secrets of the configuration.
     *
     * @return what the builder was given, or null
     */
    public Path getPrivKeyFile() {
        return privKeyFile;
    }

    /**
     * A stand-in for the connection to a configuration server, for tests.
     *
     * @return what the builder was given, or null
     */
    public Object getDebugHttpTransport() {
        return debugHttpTransport;
    }

    /**
     * A list for the names of temporary files.
     *
     * @return what the builder was given, or null
     */
    public List<File> getTmpLst() {
        return tmpLst;
    }

    /**
     * Collects the settings of a factory. What is not set, or set to null, comes from the configuration file. Not
     * thread-safe.
     *
     * @param <T> the type of the values
     */
    public static class MessageWriterFactoryBuilder<T> {
        private String type;
        private String service;
        private String topic;
        private Consistency consistency;
        private String clientId;
        private ValueType valueType;
        private Boolean userDataOnly;
        private final Map<String, Object> parameters = new LinkedHashMap<>();
        private Serializer<T> serializer;
        private ConnectionListener connectionListener;
        private Executor executor;
        private Boolean dataCompression;
        private Boolean dataEncryption;
        private Boolean noConfig;
        private Path configFile;
        private String configName;
        private Path authFile;
        private Path privKeyFile;
        private Object debugHttpTransport;
        private List<File> tmpLst;

        /** Only {@link #builder} makes one. */
        MessageWriterFactoryBuilder() {
        }

        /**
         * Sets the messaging system, {@code mqtt}.
         *
         * @param type the messaging system, {@code mqtt}
         * @return this builder
         */
        public MessageWriterFactoryBuilder<T> type(String type) {
            this.type = type;
            return this;
        }

        /**
         * Sets the service in the configuration file.
         *
         * @param service the service in the configuration file; not needed when there is only one
         * @return this builder
         */
        public MessageWriterFactoryBuilder<T> service(String service) {
            this.service = service;
            return this;
        }

        /**
         * Sets the topic.
         *
         * @param topic the topic that is written to
         * @return this builder
         */
        public MessageWriterFactoryBuilder<T> topic(String topic) {
            this.topic = topic;
            return this;
        }

        /**
         * Sets how much is done to deliver each message.
         *
         * @param consistency how much is done to deliver each message
         * @return this builder
         */
        public MessageWriterFactoryBuilder<T> consistency(Consistency consistency) {
            this.consistency = consistency;
            return this;
        }

        /**
         * Sets the client identifier shown to the broker.
         *
         * @param clientId the client identifier shown to the broker; generated when not set
         * @return this builder
         */
        public MessageWriterFactoryBuilder<T> clientId(String clientId) {
            this.clientId = clientId;
            return this;
        }

        /**
         * Sets the kind of values.
         *
         * @param valueType the kind of values
         * @return this builder
         */
        public MessageWriterFactoryBuilder<T> valueType(ValueType valueType) {
            this.valueType = valueType;
            return this;
        }

        /**
         * Sets whether messages are the bytes of the value alone, without the header and the time.
         *
         * @param userDataOnly whether messages are the bytes of the value alone, without the header and the time
         * @return this builder
         */
        public MessageWriterFactoryBuilder<T> userDataOnly(Boolean userDataOnly) {
            this.userDataOnly = userDataOnly;
            return this;
        }

        /**
         * Sets a parameter of the service. It wins over the configuration file.
         *
         * @param name its name in a configuration file
         * @param value null, a boolean, number, string, character, enum constant, file, path or array of bytes, or a
         *        collection, array or map (with strings as keys) of such values
         * @return this builder
         */
        public MessageWriterFactoryBuilder<T> parameter(String name, Object value) {
            parameters.put(name, value);
            return this;
        }

        /**
         * Sets parameters of the service, in addition to those that are set.
         *
         * @param parameters the parameters; the map is copied, not what it contains
         * @return this builder
         */
        public MessageWriterFactoryBuilder<T> parameters(Map<? extends String, ? extends Object> parameters) {
            this.parameters.putAll(parameters);
            return this;
        }

        /**
         * Removes all parameters.
         *
         * @return this builder
         */
        public MessageWriterFactoryBuilder<T> clearParameters() {
            parameters.clear();
            return this;
        }

        /**
         * Sets the serializer.
         *
         * @param serializer the serializer; wins over a class named in the configuration and over the value type
         * @return this builder
         */
        public MessageWriterFactoryBuilder<T> serializer(Serializer<T> serializer) {
            this.serializer = serializer;
            return this;
        }

        /**
         * Sets who is told how the connection changes.
         *
         * @param connectionListener the listener of every client of the factory
         * @return this builder
         */
        public MessageWriterFactoryBuilder<T> connectionListener(ConnectionListener connectionListener) {
            this.connectionListener = connectionListener;
            return this;
        }

        /**
         * Sets where the callbacks of an asynchronous client run: one batch after the other, so that their order is kept
         * on any executor.
         *
         * @param executor the executor; null for the client's own daemon thread
         * @return this
         */
        public MessageWriterFactoryBuilder<T> executor(Executor executor) {
            this.executor = executor;
            return this;
        }

        /**
         * Sets whether values are compressed.
         *
         * @param dataCompression whether values are compressed
         * @return this builder
         */
        public MessageWriterFactoryBuilder<T> dataCompression(Boolean dataCompression) {
            this.dataCompression = dataCompression;
            return this;
        }

        /**
         * Sets whether messages are encrypted.
         *
         * @param dataEncryption whether messages are encrypted
         * @return this builder
         */
        public MessageWriterFactoryBuilder<T> dataEncryption(Boolean dataEncryption) {
            this.dataEncryption = dataEncryption;
            return this;
        }

        /**
         * Sets whether to do without a configuration file.
         *
         * @param noConfig whether to do without a configuration file
         * @return this builder
         */
        public MessageWriterFactoryBuilder<T> noConfig(Boolean noConfig) {
            this.noConfig = noConfig;
            return this;
        }

        /**
         * Sets the configuration file.
         *
         * @param configFile the configuration file; when not set, {@code .sinetstream_config.yml} in the current
         *        directory, else {@code .config/sinetstream/config.yml} in the home directory
         * @return this builder
         */
        public MessageWriterFactoryBuilder<T> configFile(Path configFile) {
            this.configFile = configFile;
            return this;
        }

        /**
         * Sets the name of the configuration on a configuration server.
         *
         * @param configName the name of the configuration on a configuration server
         * @return this builder
         */
        public MessageWriterFactoryBuilder<T> configName(String configName) {
            this.configName = configName;
            return this;
        }

        /**
         * Sets the file with the credentials for a configuration server.
         *
         * @param authFile the file with the credentials for a configuration server
         * @return this builder
         */
        public MessageWriterFactoryBuilder<T> authFile(Path authFile) {
            this.authFile = authFile;
            return this;
        }

        /**
         * Sets the file with the private key that decrypts secrets of the configuration.
         *
         * @param privKeyFile the file with the private key that decrypts secrets of the configuration
         * @return this builder
         */
        public MessageWriterFactoryBuilder<T> privKeyFile(Path privKeyFile) {
            this.privKeyFile = privKeyFile;
            return this;
        }

        /**
         * Sets a stand-in for the connection to a configuration server, for tests.
         *
         * @param debugHttpTransport a stand-in for the connection to a configuration server, for tests
         * @return this builder
         */
        public MessageWriterFactoryBuilder<T> debugHttpTransport(Object debugHttpTransport) {
            this.debugHttpTransport = debugHttpTransport;
            return this;
        }

        /**
         * Sets a list for the names of temporary files.
         *
         * @param tmpLst a list for the names of temporary files; not used, since none are written
         * @return this builder
         */
        public MessageWriterFactoryBuilder<T> tmpLst(List<File> tmpLst) {
            this.tmpLst = tmpLst;
            return this;
        }

        /**
         * Makes the factory. The builder may be used further.
         *
         * @return the factory
         */
        public MessageWriterFactory<T> build() {
            return new MessageWriterFactory<>(this);
        }

        /** Names parameters without their values, which may be secret. */
        @Override
        public String toString() {
            return "MessageWriterFactoryBuilder(type=" + type + ", service=" + service + ", topic=" + topic
                    + ", consistency=" + consistency + ", clientId=" + clientId
                    + ", valueType=" + (valueType == null ? null : valueType.getName())
                    + ", userDataOnly=" + userDataOnly + ", dataCompression=" + dataCompression
                    + ", dataEncryption=" + dataEncryption + ", parameters=" + parameters.keySet()
                    + ", serializer=" + (serializer == null ? null : serializer.getClass().getName())
                    + ", connectionListener=" + (connectionListener == null ? null : "set")
                    + ", noConfig=" + noConfig + ", configFile=" + configFile + ", configName=" + configName
                    + ", authFile=" + authFile + ", privKeyFile=" + privKeyFile + ")";
        }
    }
}
