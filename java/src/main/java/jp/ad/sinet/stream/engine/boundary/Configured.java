package jp.ad.sinet.stream.engine.boundary;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;

import jp.ad.sinet.stream.api.ConnectionException;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException.Reason;
import jp.ad.sinet.stream.api.ValueType;
import jp.ad.sinet.stream.engine.jvm.Log;

/**
 * A client whose configuration the engine has found, read and checked, before any connection is made. The caller chooses the
 * serializer or deserializer and then calls {@link #connect} or, for a plugin's messaging system, {@link #code}. It calls
 * {@link #release} if that fails.
 */
public final class Configured {
    public final long handle;
    public final Description description;
    /** The value type; null when it is not known, so that the program must give a serializer or deserializer. */
    public final ValueType valueType;
    public final Options options;
    /** The parameters for the plugin, with secrets; null for a client with the engine's own connection. */
    private final Map<String, Object> forPlugin;

    private Configured(long handle, Options options) {
        this.handle = handle;
        this.options = options;
        description = describe(handle);
        for (String warning : description.warnings) {
            Log.LOGGER.warning(warning);
        }
        valueType = options.valueType(description.valueType);
        forPlugin = description.takeParameters("plugged");
    }

    /** Opens the configuration. Nothing stays open on failure. */
    public static Configured of(Options options) {
        Native.ensureLoaded();
        long handle = open(options);
        try {
            return new Configured(handle, options);
        } catch (Throwable failure) {
            Native.release(handle);
            throw failure;
        }
    }

    private static long open(Options options) {
        byte[] encoded = options.encode();
        try {
            return Native.open(encoded);
        } catch (SinetStreamException e) {
            options.objectToObjects(); // a value that the engine cannot take is the earlier fault
            throw e;
        } finally {
            Arrays.fill(encoded, (byte) 0); // it contains passwords
        }
    }

    private static Description describe(long handle) {
        byte[] encoded = Native.describe(handle);
        try {
            return new Description(encoded);
        } finally {
            Arrays.fill(encoded, (byte) 0); // it contains the passwords of key stores
        }
    }

    /** Returns the name of the client in messages for people. */
    public String name() {
        return options.role() + (description.service == null ? "" : " of service " + description.service);
    }

    /** Returns the place where the engine's questions are answered. */
    public Questions questions() {
        return new Questions(handle, options.login());
    }

    /** Tells whether the messages go through a plugin; otherwise the engine has a connection of its own. */
    public boolean isForPlugin() {
        return forPlugin != null;
    }

    /** Returns the type of the plugin. */
    public String pluginType() {
        return String.valueOf(forPlugin.get("type"));
    }

    /** Returns the parameters for the plugin, with secrets, and with the values that were not passed to the engine. */
    public Map<String, Object> pluginParameters() {
        Map<String, Object> parameters = new LinkedHashMap<>(forPlugin);
        parameters.putAll(options.objects());
        return parameters;
    }

    /**
     * Begins to connect and to subscribe. {@code willValue} receives the configuration of the will's payload, or null, and
     * returns the payload, or null.
     */
    public void connect(Function<Map<String, Object>, byte[]> willValue) {
        PluginStages stages = stages();
        options.objectToObjects();
        byte[] will = willValue.apply(description.takeParameters("will_payload"));
        byte[] keyMaterial = KeyMaterial.open(description.takeKeyMaterial(), will);
        try {
            checkInterrupt();
            Native.connect(handle, keyMaterial, stages);
        } finally {
            Arrays.fill(keyMaterial, (byte) 0); // it contains the private key
        }
    }

    /** Prepares the engine to encode and decode the messages of a plugin, without a connection. */
    public void code() {
        Native.connect(handle, null, stages());
    }

    private PluginStages stages() {
        return PluginStages.of(description, options.isWriter());
    }

    /** Throws if the thread was interrupted, which ends the opening. The interrupt flag stays set. */
    public void checkInterrupt() {
        if (Thread.currentThread().isInterrupted()) {
            throw new ConnectionException("interrupted while connecting"
                    + (description.service == null ? "" : " service " + description.service) + " to "
                    + description.config.get("brokers"), new InterruptedException()).with(Reason.INTERRUPTED, null);
        }
    }

    /** Gives the client up. A second call does nothing. */
    public void release() {
        Native.release(handle);
    }
}
