package jp.ad.sinet.stream.utils;

import java.io.File;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.Executor;

import org.jspecify.annotations.Nullable;

import jp.ad.sinet.stream.api.ConnectionListener;
import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.Login;
import jp.ad.sinet.stream.api.NoConfigException;
import jp.ad.sinet.stream.api.ValueType;

/**
 * The common part of the builders of both factories. Each builder overrides the methods that SINETStream's own library has,
 * since programs that were compiled against that library name the builder's own type as the result. The other methods return
 * it by the type parameter.
 *
 * @param <B> the builder
 */
abstract class ClientFactoryBuilder<B extends ClientFactoryBuilder<B>> {
    final Map<String, Object> parameters = new LinkedHashMap<>();
    @Nullable String type;
    @Nullable String service;
    @Nullable Consistency consistency;
    @Nullable String clientId;
    @Nullable ValueType valueType;
    @Nullable Boolean userDataOnly;
    @Nullable ConnectionListener connectionListener;
    @Nullable Callable<Login> login;
    @Nullable Executor executor;
    @Nullable Boolean daemon;
    @Nullable Boolean jmx;
    @Nullable Class<?> valueClass;
    @Nullable String configText;
    @Nullable String configTextName;
    @Nullable Boolean dataCompression;
    @Nullable Boolean dataEncryption;
    @Nullable Boolean noConfig;
    @Nullable Path configFile;
    @Nullable String configName;
    @Nullable Path authFile;
    @Nullable Path privKeyFile;
    @Nullable Object debugHttpTransport;
    @Nullable List<File> tmpLst;

    abstract B self();

    /**
     * Sets the messaging system, {@code mqtt}.
     *
     * @param type the messaging system, {@code mqtt}
     * @return this builder
     */
    public B type(@Nullable String type) {
        this.type = type;
        return self();
    }

    /**
     * Sets the service in the configuration file.
     *
     * @param service the service in the configuration file; not needed when there is only one
     * @return this builder
     */
    public B service(@Nullable String service) {
        this.service = service;
        return self();
    }

    /**
     * Sets the delivery guarantee for each message.
     *
     * @param consistency the delivery guarantee for each message
     * @return this builder
     */
    public B consistency(@Nullable Consistency consistency) {
        this.consistency = consistency;
        return self();
    }

    /**
     * Sets the client identifier shown to the broker.
     *
     * @param clientId the client identifier shown to the broker; generated when not set
     * @return this builder
     */
    public B clientId(@Nullable String clientId) {
        this.clientId = clientId;
        return self();
    }

    /**
     * Sets the value type.
     *
     * @param valueType the value type
     * @return this builder
     */
    public B valueType(@Nullable ValueType valueType) {
        this.valueType = valueType;
        return self();
    }

    /**
     * Sets whether messages are the bytes of the value alone, without the header and the time.
     *
     * @param userDataOnly whether messages are the bytes of the value alone, without the header and the time
     * @return this builder
     */
    public B userDataOnly(@Nullable Boolean userDataOnly) {
        this.userDataOnly = userDataOnly;
        return self();
    }

    /**
     * Sets the parameter {@code brokers}: the client tries the brokers in this order, and continues with the next one after a
     * lost connection.
     *
     * @param brokers each is {@code host}, {@code host:port}, {@code [IPv6]:port} or {@code unix:/path}; none leaves the
     *        parameter to the configuration
     * @return this builder
     */
    public B brokers(String... brokers) {
        return set("brokers", Objects.requireNonNull(brokers, "brokers").length == 0 ? null : Arrays.asList(brokers.clone()));
    }

    /**
     * Sets the parameter {@code brokers} to one broker.
     *
     * @param host the name or address of the broker, an IPv6 address with or without brackets
     * @param port the port of the broker
     * @return this builder
     */
    public B broker(String host, int port) {
        boolean bare = Objects.requireNonNull(host, "host").indexOf(':') >= 0 && !host.startsWith("[");
        return brokers((bare ? "[" + host + "]" : host) + ":" + port);
    }

    /**
     * Sets the parameter {@code tls}. It replaces the parameter of the configuration file as a whole.
     *
     * @param tls for instance {@code Tls.builder().caCerts(Path.of("ca.pem")).build()}; null leaves the parameter to the
     *        configuration
     * @return this builder
     */
    public B tls(@Nullable Tls tls) {
        return set("tls", tls == null ? null : tls.parameter());
    }

    /**
     * Sets the parameter {@code username_pw}: the login that is sent to the broker.
     *
     * @param username the user name
     * @param password the password
     * @return this builder
     */
    public B login(String username, String password) {
        Map<String, Object> login = new LinkedHashMap<>();
        login.put("username", Objects.requireNonNull(username, "username"));
        login.put("password", Objects.requireNonNull(password, "password"));
        return set("username_pw", login);
    }

    /** Like {@link #parameter}, except that null leaves the parameter to the configuration. */
    private B set(String name, @Nullable Object value) {
        if (value == null) {
            parameters.remove(name);
            return self();
        }
        return parameter(name, value);
    }

    /**
     * Sets a parameter of the service. It takes precedence over the configuration file.
     *
     * @param name the name of the parameter in a configuration file
     * @param value null, a boolean, number, string, character, enum constant, file, path or array of bytes, or a collection,
     *        array or map of such values, with strings, numbers, booleans or enum constants as names
     * @return this builder
     */
    public B parameter(String name, @Nullable Object value) {
        parameters.put(name, value);
        return self();
    }

    /**
     * Sets parameters of the service, in addition to those that are already set.
     *
     * @param parameters the parameters; the map is copied, but not the values in it
     * @return this builder
     */
    public B parameters(Map<? extends String, ? extends @Nullable Object> parameters) {
        this.parameters.putAll(Objects.requireNonNull(parameters, "parameters"));
        return self();
    }

    /**
     * Removes all parameters.
     *
     * @return this builder
     */
    public B clearParameters() {
        parameters.clear();
        return self();
    }

    /**
     * Sets the listener for changes of the connection.
     *
     * @param connectionListener the listener of every client of the factory
     * @return this builder
     */
    public B connectionListener(@Nullable ConnectionListener connectionListener) {
        this.connectionListener = connectionListener;
        return self();
    }

    /**
     * Sets the source of the login, instead of {@code username_pw}. It is called before each attempt to connect, so that a
     * token that expires, or a password that changes, is always current. It runs on one of the threads for callbacks, where
     * it may block for {@code connect.connection_timeout}. An exception that it throws counts as a failed attempt, as if the
     * broker could not be reached. A login that the broker refuses causes an AuthenticationException all the same.
     *
     * @param login for instance {@code () -> Login.of("user01", vault.newToken())}; null if the configuration has the login
     * @return this builder
     */
    public B login(@Nullable Callable<Login> login) {
        this.login = login;
        return self();
    }

    /**
     * Sets where the callbacks of an asynchronous client run. They run in batches, one after the other, so that their order
     * is kept on any executor.
     *
     * @param executor the executor; null for daemon threads that all clients share
     * @return this builder
     */
    public B executor(@Nullable Executor executor) {
        this.executor = executor;
        return self();
    }

    /**
     * Sets whether the JVM exits without waiting for an asynchronous client: for messages that an asynchronous writer has
     * accepted and the broker has not confirmed, and for a reader that has callbacks.
     *
     * @param daemon true: the JVM exits, and messages in transit may be lost; null or false: the JVM stays until they are
     *        confirmed or the client is closed
     * @return this builder
     */
    public B daemon(@Nullable Boolean daemon) {
        this.daemon = daemon;
        return self();
    }

    /**
     * Sets whether values are compressed.
     *
     * @param dataCompression whether values are compressed
     * @return this builder
     */
    public B dataCompression(@Nullable Boolean dataCompression) {
        this.dataCompression = dataCompression;
        return self();
    }

    /**
     * Sets whether messages are encrypted.
     *
     * @param dataEncryption whether messages are encrypted
     * @return this builder
     */
    public B dataEncryption(@Nullable Boolean dataEncryption) {
        this.dataEncryption = dataEncryption;
        return self();
    }

    /**
     * Sets whether clients are made without a configuration file.
     *
     * @param noConfig true to make them without a configuration file
     * @return this builder
     */
    public B noConfig(@Nullable Boolean noConfig) {
        this.noConfig = noConfig;
        return self();
    }

    /**
     * Sets whether the clients are registered with JMX until they are closed, each as a
     * {@link jp.ad.sinet.stream.api.ClientMXBean} with the name
     * {@code jp.ad.sinet.stream:type=writer,service=SERVICE,client=CLIENT_ID} (for readers {@code type=reader}).
     *
     * @param jmx true to register them; null or false not to
     * @return this builder
     */
    public B jmx(@Nullable Boolean jmx) {
        this.jmx = jmx;
        return self();
    }

    /**
     * Sets the class of the program's values. If the configuration chooses a value type, serializer or deserializer for
     * another class, making a client then fails.
     *
     * @param valueClass the class; null to skip this check
     * @return this builder
     */
    public B valueClass(@Nullable Class<?> valueClass) {
        this.valueClass = valueClass;
        return self();
    }

    /**
     * Sets the text of the configuration, instead of a file.
     *
     * @param configText the content of a configuration file; relative paths in it start in the current directory
     * @return this builder
     */
    public B configText(@Nullable String configText) {
        this.configText = configText;
        configTextName = "configuration text";
        return self();
    }

    /**
     * Sets the text of the configuration, instead of a file, from a stream.
     *
     * @param stream the content of a configuration file, in UTF-8; this call reads the stream to its end, and does not close
     *        it
     * @return this builder
     * @throws NoConfigException when the stream cannot be read
     */
    public B configStream(InputStream stream) {
        configText = ConfigText.read("configuration stream", Objects.requireNonNull(stream, "stream"));
        configTextName = "configuration stream";
        return self();
    }

    /**
     * Sets a configuration that is packaged with the program.
     *
     * @param name the name of the resource on the class path of the thread's context class loader, or on that of this
     *        library, for instance {@code "config/sinetstream.yml"}
     * @return this builder
     * @throws NoConfigException when there is no such resource, or it cannot be read
     */
    public B configResource(String name) {
        configText = ConfigText.resource(name);
        configTextName = "class path resource " + name;
        return self();
    }

    /**
     * Sets the configuration file.
     *
     * @param configFile the configuration file; when not set, {@code .sinetstream_config.yml} in the current
     *        directory, else {@code .config/sinetstream/config.yml} in the home directory
     * @return this builder
     */
    public B configFile(@Nullable Path configFile) {
        this.configFile = configFile;
        return self();
    }

    /**
     * Sets the name of the configuration on a configuration server.
     *
     * @param configName the name of the configuration on a configuration server
     * @return this builder
     */
    public B configName(@Nullable String configName) {
        this.configName = configName;
        return self();
    }

    /**
     * Sets the file with the credentials for a configuration server.
     *
     * @param authFile the file with the credentials for a configuration server
     * @return this builder
     */
    public B authFile(@Nullable Path authFile) {
        this.authFile = authFile;
        return self();
    }

    /**
     * Sets the file with the private key that decrypts secrets of the configuration.
     *
     * @param privKeyFile the file with the private key that decrypts secrets of the configuration
     * @return this builder
     */
    public B privKeyFile(@Nullable Path privKeyFile) {
        this.privKeyFile = privKeyFile;
        return self();
    }

    /**
     * Sets a stand-in for the connection to a configuration server, for tests.
     *
     * @param debugHttpTransport a stand-in for the connection to a configuration server, for tests
     * @return this builder
     */
    public B debugHttpTransport(@Nullable Object debugHttpTransport) {
        this.debugHttpTransport = debugHttpTransport;
        return self();
    }

    /**
     * Sets a list for the names of temporary files.
     *
     * @param tmpLst a list for the names of temporary files; not used, since none are written
     * @return this builder
     */
    public B tmpLst(@Nullable List<File> tmpLst) {
        this.tmpLst = tmpLst;
        return self();
    }

    /** Names the parameters without their values, which may be secret. */
    final String shown(String name, String own) {
        return name + "(type=" + type + ", service=" + service + ", consistency=" + consistency + ", clientId=" + clientId
                + ", valueType=" + (valueType == null ? null : valueType.getName()) + ", userDataOnly=" + userDataOnly
                + ", dataCompression=" + dataCompression + ", dataEncryption=" + dataEncryption + ", parameters="
                + parameters.keySet() + ", connectionListener=" + (connectionListener == null ? null : "set")
                + ", login=" + (login == null ? null : "set") + ", noConfig="
                + noConfig + ", configFile=" + configFile + ", configName=" + configName + ", authFile=" + authFile
                + ", privKeyFile=" + privKeyFile + own + ")";
    }
}
