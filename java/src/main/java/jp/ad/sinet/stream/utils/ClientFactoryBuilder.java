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
 * What the builders of both factories have in common. Each of them overrides the methods that SINETStream's own library has,
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
     * Sets how much is done to deliver each message.
     *
     * @param consistency how much is done to deliver each message
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
     * Sets the kind of values.
     *
     * @param valueType the kind of values
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
     * Sets the parameter {@code brokers}: the brokers that are tried in this order, and on again after a lost connection.
     *
     * @param brokers each is {@code host}, {@code host:port}, {@code [IPv6]:port} or {@code unix:/path}; none leaves them to the
     *        configuration
     * @return this builder
     */
    public B brokers(String... brokers) {
        return set("brokers", brokers.length == 0 ? null : Arrays.asList(brokers.clone()));
    }

    /**
     * Sets the parameter {@code brokers} to one broker.
     *
     * @param host its name or address, an IPv6 address with or without brackets
     * @param port its port
     * @return this builder
     */
    public B broker(String host, int port) {
        boolean bare = host.indexOf(':') >= 0 && !host.startsWith("[");
        return brokers((bare ? "[" + host + "]" : host) + ":" + port);
    }

    /**
     * Sets the parameter {@code tls}. It replaces the one of the configuration file as a whole.
     *
     * @param tls for instance {@code Tls.builder().caCerts(Path.of("ca.pem")).build()}; null leaves it to the configuration
     * @return this builder
     */
    public B tls(@Nullable Tls tls) {
        return set("tls", tls == null ? null : tls.parameter());
    }

    /**
     * Sets the parameter {@code username_pw}: the login that the broker is shown.
     *
     * @param username the name
     * @param password the password
     * @return this builder
     */
    public B login(String username, String password) {
        Map<String, Object> login = new LinkedHashMap<>();
        login.put("username", Objects.requireNonNull(username, "username"));
        login.put("password", Objects.requireNonNull(password, "password"));
        return set("username_pw", login);
    }

    /** The way of {@link #parameter}, but that null leaves the parameter to the configuration. */
    private B set(String name, @Nullable Object value) {
        if (value == null) {
            parameters.remove(name);
            return self();
        }
        return parameter(name, value);
    }

    /**
     * Sets a parameter of the service. It wins over the configuration file.
     *
     * @param name its name in a configuration file
     * @param value null, a boolean, number, string, character, enum constant, file, path or array of bytes, or a
     *        collection, array or map of such values, with strings, numbers, booleans or enum constants as names
     * @return this builder
     */
    public B parameter(String name, @Nullable Object value) {
        parameters.put(name, value);
        return self();
    }

    /**
     * Sets parameters of the service, in addition to those that are set.
     *
     * @param parameters the parameters; the map is copied, not what it contains
     * @return this builder
     */
    public B parameters(Map<? extends String, ? extends @Nullable Object> parameters) {
        this.parameters.putAll(parameters);
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
     * Sets who is told how the connection changes.
     *
     * @param connectionListener the listener of every client of the factory
     * @return this builder
     */
    public B connectionListener(@Nullable ConnectionListener connectionListener) {
        this.connectionListener = connectionListener;
        return self();
    }

    /**
     * Sets what gives the login, in place of {@code username_pw}: it is asked before each attempt to connect, so that a token that
     * expires, or a password that changes, is always one of now. It runs on one of the threads for callbacks, where it may block
     * for {@code connect.connection_timeout}; what it throws is a failed attempt, as if the broker could not be reached. A login
     * that the broker refuses is an AuthenticationException all the same.
     *
     * @param login for instance {@code () -> Login.of("user01", vault.newToken())}; null: the configuration has the login
     * @return this builder
     */
    public B login(@Nullable Callable<Login> login) {
        this.login = login;
        return self();
    }

    /**
     * Sets where the callbacks of an asynchronous client run: one batch after the other, so that their order is kept
     * on any executor.
     *
     * @param executor the executor; null for daemon threads that all clients share
     * @return this
     */
    public B executor(@Nullable Executor executor) {
        this.executor = executor;
        return self();
    }

    /**
     * Sets whether the JVM ends without waiting for an asynchronous client: for what an asynchronous writer has accepted and the
     * broker has not confirmed, and for a reader that has callbacks.
     *
     * @param daemon true: the JVM ends, and what is on its way may be lost; null or false: it stays until that is done, or the
     *        client closed
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
     * Sets whether to do without a configuration file.
     *
     * @param noConfig whether to do without a configuration file
     * @return this builder
     */
    public B noConfig(@Nullable Boolean noConfig) {
        this.noConfig = noConfig;
        return self();
    }

    /**
     * Sets whether JMX shows the clients, each as a {@link jp.ad.sinet.stream.api.ClientMXBean} with the name
     * {@code jp.ad.sinet.stream:type=writer,service=SERVICE,client=CLIENT_ID} ({@code type=reader}), until they are closed.
     *
     * @param jmx true to show them; null or false not to
     * @return this builder
     */
    public B jmx(@Nullable Boolean jmx) {
        this.jmx = jmx;
        return self();
    }

    /**
     * Sets the class of the program's values. A value type or (de)serializer that the configuration chooses and that is for
     * another class is then refused when the client is made.
     *
     * @param valueClass the class; null to believe the program
     * @return this builder
     */
    public B valueClass(@Nullable Class<?> valueClass) {
        this.valueClass = valueClass;
        return self();
    }

    /**
     * Sets the configuration itself, instead of a file.
     *
     * @param configText what a configuration file would contain; paths in it start in the current directory
     * @return this builder
     */
    public B configText(@Nullable String configText) {
        this.configText = configText;
        configTextName = "configuration text";
        return self();
    }

    /**
     * Sets the configuration itself, instead of a file.
     *
     * @param stream what a configuration file would contain, in UTF-8; it is read to its end now, and not closed
     * @return this builder
     * @throws NoConfigException when it cannot be read
     */
    public B configStream(InputStream stream) {
        configText = ConfigText.read("configuration stream", stream);
        configTextName = "configuration stream";
        return self();
    }

    /**
     * Sets a configuration that is part of the program.
     *
     * @param name where it is on the class path of the thread's context class loader, or on that of this library:
     *        {@code "config/sinetstream.yml"}, for instance
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

    /** Names parameters without their values, which may be secret. */
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
