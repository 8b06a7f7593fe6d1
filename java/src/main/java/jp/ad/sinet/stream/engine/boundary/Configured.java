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
 * A client whose configuration the engine has found, read and checked, before anything goes to the network. Whoever has
 * chosen its (de)serializer goes on with {@link #connect} or, for a plugin's messaging system, with {@link #code}; and
 * calls {@link #release} if that fails.
 */
public final class Configured {
    public final long handle;
    public final Description description;
    /** Null when nobody knows it: then only a (de)serializer that is given will do. */
    public final ValueType valueType;
    public final Options options;
    /** For the plugin, with secrets; null for a client of our own. */
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

    /** Nothing stays open on failure. */
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
            options.objectToObjects(); // that came first
            throw e;
        } finally {
            Arrays.fill(encoded, (byte) 0); // passwords are in it
        }
    }

    private static Description describe(long handle) {
        byte[] encoded = Native.describe(handle);
        try {
            return new Description(encoded);
        } finally {
            Arrays.fill(encoded, (byte) 0); // those of key stores are in it
        }
    }

    /** For people: what the client is. */
    public String name() {
        return options.role() + (description.service == null ? "" : " of service " + description.service);
    }

    /** What answers the engine's questions. */
    public Questions questions() {
        return new Questions(handle, options.login());
    }

    /** Whether its messages go through a plugin; else the engine has a connection of its own. */
    public boolean isForPlugin() {
        return forPlugin != null;
    }

    /** The type of that plugin. */
    public String pluginType() {
        return String.valueOf(forPlugin.get("type"));
    }

    /** What that plugin gets, with secrets, and with what never went to the engine. */
    public Map<String, Object> pluginParameters() {
        Map<String, Object> parameters = new LinkedHashMap<>(forPlugin);
        parameters.putAll(options.objects());
        return parameters;
    }

    /**
     * Begins to connect, and to subscribe. {@code willValue} gets what is configured for the payload of the will, or null, and
     * makes the payload of it, or null.
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
            Arrays.fill(keyMaterial, (byte) 0); // the private key is in it
        }
    }

    /** The engine codes the messages of a plugin, and connects to nothing. */
    public void code() {
        Native.connect(handle, null, stages());
    }

    private PluginStages stages() {
        return PluginStages.of(description, options.isWriter());
    }

    /** An interrupt ends the opening, and stays. */
    public void checkInterrupt() {
        if (Thread.currentThread().isInterrupted()) {
            throw new ConnectionException("interrupted while connecting"
                    + (description.service == null ? "" : " service " + description.service) + " to "
                    + description.config.get("brokers"), new InterruptedException()).with(Reason.INTERRUPTED, null);
        }
    }

    /** Nothing comes of the client. A second time this does nothing. */
    public void release() {
        Native.release(handle);
    }
}
