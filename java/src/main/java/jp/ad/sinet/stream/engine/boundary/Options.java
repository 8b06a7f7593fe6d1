package jp.ad.sinet.stream.engine.boundary;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.Executor;

import jp.ad.sinet.stream.api.ConnectionListener;
import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.Login;
import jp.ad.sinet.stream.api.ValueType;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.api.valuetype.ValueTypeFactory;
import jp.ad.sinet.stream.engine.jvm.Plugins;
import jp.ad.sinet.stream.spi.AsyncMessageReaderProvider;
import jp.ad.sinet.stream.spi.AsyncMessageWriterProvider;
import jp.ad.sinet.stream.spi.CompressionProvider;
import jp.ad.sinet.stream.spi.CryptoProvider;
import jp.ad.sinet.stream.spi.MessageReaderProvider;
import jp.ad.sinet.stream.spi.MessageWriterProvider;
import jp.ad.sinet.stream.spi.SinetMessageProvider;
import jp.ad.sinet.stream.spi.ValueTypeProvider;

/** The settings of a builder, checked and encoded for the native library, which opens a client from them. */
public final class Options {
    private static final int NANOS_PER_MILLI = 1_000_000;

    private final Map<String, Object> root = new LinkedHashMap<>();
    private final Map<String, Object> fields = new LinkedHashMap<>();
    private final Map<String, ValueType> valueTypes = new LinkedHashMap<>();

    private final String role;
    private boolean anyValueType;
    private ConnectionListener connectionListener;
    private Callable<Login> login;
    private Executor executor;
    private boolean daemon;
    private boolean jmx;
    private Class<?> valueClass;
    private Duration receiveTimeout;
    private final Map<String, Object> objects = new LinkedHashMap<>();
    private InvalidConfigurationException objection;

    private Options(String role) {
        this.role = role;
        root.put("role", role);
        folder("user_dir", "user.dir");
        folder("user_home", "user.home");
        root.put("parameters", new LinkedHashMap<String, Object>());
    }

    /**
     * Makes the options of a writer.
     *
     * @return options in which nothing is set
     */
    public static Options forWriter() {
        return new Options("writer");
    }

    /**
     * Makes the options of a reader.
     *
     * @return options in which nothing is set
     */
    public static Options forReader() {
        return new Options("reader");
    }

    /**
     * Sets the service.
     *
     * @param service its name, or null
     * @return these options
     */
    public Options service(String service) {
        return put("service", service);
    }

    /**
     * Sets the configuration file.
     *
     * @param file its path, or null to search for it
     * @return these options
     */
    public Options configFile(Path file) {
        if (file != null) {
            root.put("config_file", Parameters.file("config_file", file));
        }
        return this;
    }

    /**
     * Sets a text that replaces the configuration file.
     *
     * @param text the text, or null
     * @param name the name of the text in errors
     * @return these options
     */
    public Options configText(String text, String name) {
        return put("config_text", text).put("config_text_name", name);
    }

    /**
     * Sets whether to open a client without a configuration file.
     *
     * @param noConfig true to open it without one, or null
     * @return these options
     */
    public Options noConfig(Boolean noConfig) {
        return put("no_config", noConfig);
    }

    /**
     * Sets parameters, by their names in a configuration file.
     *
     * @param parameters the parameters; not modified
     * @return these options
     */
    public Options parameters(Map<String, ?> parameters) {
        Map<String, Object> crossing = new LinkedHashMap<>();
        objects.clear();
        objection = null;
        parameters.forEach((name, value) -> {
            try {
                crossing.putAll(new Parameters(valueTypes).map("", Collections.singletonMap(name, value)));
            } catch (InvalidConfigurationException e) {
                objects.put(name, value);
                objection = objection == null ? e : objection;
            }
        });
        root.put("parameters", crossing);
        return this;
    }

    /** Returns the values that cannot be encoded for the engine, such as streams, and that only a plugin can use. */
    Map<String, Object> objects() {
        return objects;
    }

    /** Throws if there is a value that only a plugin can use. */
    void objectToObjects() {
        if (objection != null) {
            throw objection;
        }
    }

    /**
     * Sets a parameter that takes precedence over {@link #parameters}.
     *
     * @param name the name of the parameter in a configuration file
     * @param value its value; null leaves it unset
     * @return these options
     */
    public Options field(String name, Object value) {
        if (value != null) {
            fields.put(name, new Parameters(valueTypes).value(name, value));
        }
        return this;
    }

    /**
     * Sets the listener for changes of the connection.
     *
     * @param listener the listener, or null
     * @return these options
     */
    public Options connectionListener(ConnectionListener listener) {
        connectionListener = listener;
        return this;
    }

    /**
     * Sets the source of the login.
     *
     * @param source called before each attempt to connect; null if the configuration has the login
     * @return these options
     */
    public Options login(Callable<Login> source) {
        login = source;
        return this;
    }

    Callable<Login> login() {
        return login;
    }

    /**
     * Sets where the callbacks of an asynchronous client run.
     *
     * @param where the executor; null for the threads that all clients share
     * @return these options
     */
    public Options executor(Executor where) {
        executor = where;
        return this;
    }

    /**
     * Sets whether the JVM exits without waiting for an asynchronous client.
     *
     * @param ends null: the JVM waits
     * @return these options
     */
    public Options daemon(Boolean ends) {
        daemon = Boolean.TRUE.equals(ends);
        return this;
    }

    /**
     * Sets the class of the program's values.
     *
     * @param type the class, or null
     * @return these options
     */
    public Options valueClass(Class<?> type) {
        valueClass = type;
        return this;
    }

    public Class<?> valueClass() {
        return valueClass;
    }

    /**
     * Sets how long a read waits.
     *
     * @param timeout the time, which the engine rounds up to a millisecond; null to leave it to the configuration
     * @return these options
     */
    public Options receiveTimeout(Duration timeout) {
        receiveTimeout = timeout;
        return field("receive_timeout_ms", timeout == null ? null : millis(timeout));
    }

    /** Rounds up, so that a short timeout does not become zero; a negative one is refused later. */
    private static long millis(Duration timeout) {
        try {
            return timeout.isNegative() ? -1 : timeout.plusNanos(NANOS_PER_MILLI - 1).toMillis();
        } catch (ArithmeticException e) {
            return Long.MAX_VALUE;
        }
    }

    /** Returns the receive timeout as it was given, or null. */
    public Duration receiveTimeout() {
        return receiveTimeout;
    }

    public Executor executor() {
        return executor;
    }

    /**
     * Sets whether the client is registered with JMX.
     *
     * @param shown null: it is not
     * @return these options
     */
    public Options jmx(Boolean shown) {
        jmx = Boolean.TRUE.equals(shown);
        return this;
    }

    public boolean isJmx() {
        return jmx;
    }

    public boolean isDaemon() {
        return daemon;
    }

    private void folder(String name, String property) {
        String folder = System.getProperty(property);
        if (folder != null) {
            root.put(name, HostPath.of(folder));
        }
    }

    private Options put(String name, Object value) {
        if (value != null) {
            root.put(name, new Parameters(valueTypes).value(name, value));
        }
        return this;
    }

    /**
     * Accepts any value type, because the program gave a serializer or deserializer.
     *
     * @return these options
     */
    public Options anyValueType() {
        anyValueType = true;
        return this;
    }

    byte[] encode() {
        List<String> names = new ArrayList<>(valueTypes.keySet());
        for (SimpleValueType type : SimpleValueType.values()) {
            if (!names.contains(type.getName())) {
                names.add(type.getName());
            }
        }
        names.addAll(Plugins.names(ValueTypeProvider.class, ValueTypeProvider::getName));
        if (anyValueType) {
            names.add("*");
        }
        Map<String, Object> all = new LinkedHashMap<>(root);
        all.put("fields", fields);
        all.put("login", login != null);
        all.put("value_types", names);
        all.put("compressions", Plugins.names(CompressionProvider.class, CompressionProvider::getName));
        all.put("service_types", serviceTypes());
        all.put("ciphers", !Plugins.of(CryptoProvider.class).isEmpty());
        return Tree.encode(all);
    }

    /** Returns the types of the plugins that have a writer, or a reader. */
    private List<String> serviceTypes() {
        List<String> types = new ArrayList<>();
        if (isWriter()) {
            types.addAll(Plugins.names(MessageWriterProvider.class, SinetMessageProvider::getType));
            types.addAll(Plugins.names(AsyncMessageWriterProvider.class, SinetMessageProvider::getType));
        } else {
            types.addAll(Plugins.names(MessageReaderProvider.class, SinetMessageProvider::getType));
            types.addAll(Plugins.names(AsyncMessageReaderProvider.class, SinetMessageProvider::getType));
        }
        return types;
    }

    boolean isWriter() {
        return role.equals("writer");
    }

    /** Returns "writer" or "reader". */
    public String role() {
        return role;
    }

    public ConnectionListener connectionListener() {
        return connectionListener;
    }

    /**
     * Returns the value type of this name: one that the builder was given, else a built-in one or one of a plugin, else null.
     */
    ValueType valueType(String name) {
        ValueType given = valueTypes.get(name);
        return given != null ? given : new ValueTypeFactory().get(name);
    }
}
