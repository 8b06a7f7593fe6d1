package jp.ad.sinet.stream.utils;

import java.io.File;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executor;
import java.util.function.Function;

import org.jspecify.annotations.Nullable;

import jp.ad.sinet.stream.api.ConnectionListener;
import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.Login;
import jp.ad.sinet.stream.api.MessageIO;
import jp.ad.sinet.stream.api.ValueType;
import jp.ad.sinet.stream.engine.boundary.Options;
import jp.ad.sinet.stream.engine.jvm.OrClose;

/** The common part of the factories of writers and of readers. */
abstract class ClientFactory {
    private final @Nullable String type;
    private final @Nullable String service;
    private final @Nullable Consistency consistency;
    private final @Nullable String clientId;
    private final @Nullable ValueType valueType;
    private final @Nullable Boolean userDataOnly;
    private final @Nullable ConnectionListener connectionListener;
    private final @Nullable Callable<Login> login;
    private final @Nullable Executor executor;
    private final Boolean daemon;
    private final Boolean jmx;
    private final @Nullable Class<?> valueClass;
    private final @Nullable String configText;
    private final @Nullable String configTextName;
    private final @Nullable Boolean dataCompression;
    private final @Nullable Boolean dataEncryption;
    private final Boolean noConfig;
    private final @Nullable Path configFile;
    private final @Nullable String configName;
    private final @Nullable Path authFile;
    private final @Nullable Path privKeyFile;
    private final @Nullable Object debugHttpTransport;
    private final @Nullable List<File> tmpLst;
    private final Map<String, Object> parameters;
    private volatile @Nullable InForce inForce;

    ClientFactory(ClientFactoryBuilder<?> builder) {
        type = builder.type;
        service = builder.service;
        consistency = builder.consistency;
        clientId = builder.clientId;
        valueType = builder.valueType;
        userDataOnly = builder.userDataOnly;
        connectionListener = builder.connectionListener;
        login = builder.login;
        executor = builder.executor;
        daemon = Boolean.TRUE.equals(builder.daemon);
        jmx = Boolean.TRUE.equals(builder.jmx);
        valueClass = builder.valueClass;
        configText = builder.configText;
        configTextName = builder.configText == null ? null : builder.configTextName;
        dataCompression = builder.dataCompression;
        dataEncryption = builder.dataEncryption;
        noConfig = Boolean.TRUE.equals(builder.noConfig);
        configFile = builder.configFile;
        configName = builder.configName;
        authFile = builder.authFile;
        privKeyFile = builder.privKeyFile;
        debugHttpTransport = builder.debugHttpTransport;
        tmpLst = builder.tmpLst;
        parameters = Collections.unmodifiableMap(new LinkedHashMap<>(builder.parameters));
    }

    /** Adds the settings that both kinds of clients share. */
    final Options filled(Options options) {
        return options.service(service)
                .configFile(configFile)
                .noConfig(noConfig)
                .connectionListener(connectionListener)
                .login(login)
                .daemon(daemon)
                .jmx(jmx)
                .valueClass(valueClass)
                .configText(configText, configTextName)
                .parameters(parameters)
                .field("type", type)
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

    final @Nullable Executor executor() {
        return executor;
    }

    /** Records a client that was made. Closes it if it fails to return its topics, which a plugin may do. */
    final <C extends MessageIO> C made(C client, Function<C, List<String>> topics) {
        inForce = OrClose.orClose(client::close, () -> new InForce(client, topics.apply(client)));
        return client;
    }

    final @Nullable InForce inForce() {
        return inForce;
    }

    /**
     * Returns the messaging system, {@code mqtt}.
     *
     * @return the value in force for the client that was made last; before the first one, the builder's value, or null
     */
    public @Nullable String getType() {
        InForce now = inForce;
        return now == null ? type : now.type;
    }

    /**
     * Returns the service in the configuration file.
     *
     * @return the value in force for the client that was made last; before the first one, the builder's value, or null
     */
    public @Nullable String getService() {
        InForce now = inForce;
        return now == null ? service : now.service;
    }

    /**
     * Returns the delivery guarantee for each message.
     *
     * @return the value in force for the client that was made last; before the first one, the builder's value, or null
     */
    public @Nullable Consistency getConsistency() {
        InForce now = inForce;
        return now == null ? consistency : now.consistency;
    }

    /**
     * Returns the client identifier that is shown to the broker.
     *
     * @return the builder's value, or null
     */
    public @Nullable String getClientId() {
        return clientId;
    }

    /**
     * Returns the value type.
     *
     * @return the value in force for the client that was made last; before the first one, the builder's value, or null
     */
    public @Nullable ValueType getValueType() {
        InForce now = inForce;
        return now == null ? valueType : now.valueType;
    }

    /**
     * Tells whether messages are the bytes of the value alone, without the header and the time.
     *
     * @return the value in force for the client that was made last; before the first one, the builder's value, or null
     */
    public @Nullable Boolean getUserDataOnly() {
        InForce now = inForce;
        return now == null ? userDataOnly : now.userDataOnly;
    }

    /**
     * Returns the parameters, in a map that cannot be modified.
     *
     * @return the map, empty when there are none
     */
    public Map<String, Object> getParameters() {
        return parameters;
    }

    /**
     * Returns the listener for changes of the connection.
     *
     * @return the builder's value, or null
     */
    public @Nullable ConnectionListener getConnectionListener() {
        return connectionListener;
    }

    /**
     * Tells whether the JVM exits without waiting for an asynchronous client.
     *
     * @return true or false
     */
    public Boolean getDaemon() {
        return daemon;
    }

    /**
     * Tells whether values are compressed.
     *
     * @return the value in force for the client that was made last; before the first one, the builder's value, or null
     */
    public @Nullable Boolean getDataCompression() {
        InForce now = inForce;
        return now == null ? dataCompression : now.dataCompression;
    }

    /**
     * Tells whether messages are encrypted.
     *
     * @return the value in force for the client that was made last; before the first one, the builder's value, or null
     */
    public @Nullable Boolean getDataEncryption() {
        InForce now = inForce;
        return now == null ? dataEncryption : now.dataEncryption;
    }

    /**
     * Tells whether clients are made without a configuration file.
     *
     * @return true or false
     */
    public Boolean getNoConfig() {
        return noConfig;
    }

    /**
     * Returns the configuration file.
     *
     * @return the builder's value, or null
     */
    public @Nullable Path getConfigFile() {
        return configFile;
    }

    /**
     * Tells whether the clients are registered with JMX.
     *
     * @return true or false
     */
    public Boolean getJmx() {
        return jmx;
    }

    /**
     * Returns the class of the program's values.
     *
     * @return the builder's value, or null
     */
    public @Nullable Class<?> getValueClass() {
        return valueClass;
    }

    /**
     * Returns the name of the configuration on a configuration server.
     *
     * @return the builder's value, or null
     */
    public @Nullable String getConfigName() {
        return configName;
    }

    /**
     * Returns the file with the credentials for a configuration server.
     *
     * @return the builder's value, or null
     */
    public @Nullable Path getAuthFile() {
        return authFile;
    }

    /**
     * Returns the file with the private key that decrypts secrets of the configuration.
     *
     * @return the builder's value, or null
     */
    public @Nullable Path getPrivKeyFile() {
        return privKeyFile;
    }

    /**
     * Returns the stand-in for the connection to a configuration server, for tests.
     *
     * @return the builder's value, or null
     */
    public @Nullable Object getDebugHttpTransport() {
        return debugHttpTransport;
    }

    /**
     * Returns the list for the names of temporary files.
     *
     * @return the builder's value, or null
     */
    public @Nullable List<File> getTmpLst() {
        return tmpLst;
    }
}
