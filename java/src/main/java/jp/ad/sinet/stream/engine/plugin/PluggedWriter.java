package jp.ad.sinet.stream.engine.plugin;

import java.lang.ref.Reference;
import java.time.Instant;

import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.Serializer;
import jp.ad.sinet.stream.engine.boundary.Configured;
import jp.ad.sinet.stream.engine.boundary.Description;
import jp.ad.sinet.stream.engine.boundary.Timestamps;
import jp.ad.sinet.stream.engine.client.Serializing;
import jp.ad.sinet.stream.spi.MessageWriterProvider;
import jp.ad.sinet.stream.spi.PluginMessageWriter;
import jp.ad.sinet.stream.spi.WriterParameters;

/**
 * The writer over a plugin.
 *
 * @param <T> the type of the values
 */
public final class PluggedWriter<T> extends PluggedClient<PluginMessageWriter> implements MessageWriter<T> {
    private final Serializing<T> serializing;
    /** Held during a write, if the plugin takes one at a time only. */
    private final Object lock = new Object();
    private final boolean threadSafe;

    private PluggedWriter(Plugged<Serializer<T>> plugged, PluginMessageWriter plugin) {
        super(plugged, plugin);
        serializing = new Serializing<>(plugged.codec);
        threadSafe = Providers.call(pluginName, plugin::isThreadSafe);
    }

    /**
     * Opens a writer. Blocks as long as the plugin does.
     *
     * @param configured what is opened, for a plugin
     * @param serializer the serializer
     * @param <T> the type of the values
     * @return the writer
     */
    public static <T> MessageWriter<T> open(Configured configured, Serializer<T> serializer) {
        Plugged<Serializer<T>> plugged = new Plugged<>(configured, serializer);
        PluginMessageWriter plugin = plugin(plugged);
        try {
            return new PluggedWriter<>(plugged, plugin);
        } catch (Throwable e) { // of the plugin's own, which is open
            try {
                plugin.close();
            } catch (Throwable closing) {
                e.addSuppressed(closing);
            }
            throw e;
        }
    }

    static PluginMessageWriter plugin(Plugged<?> plugged) {
        MessageWriterProvider provider = Providers.find(MessageWriterProvider.class, plugged.type, plugged.parameters);
        if (provider == null) {
            throw Providers.none(plugged.type, "blocking writer");
        }
        return Providers.open(provider, plugged.type, () -> provider.getWriter(parameters(plugged)));
    }

    static WriterParameters parameters(Plugged<?> plugged) {
        Description description = plugged.description;
        WriterParameters parameters = new WriterParameters(description.service, description.topic,
                description.consistency, plugged.valueType, plugged.parameters, plugged.flag("user_data_only"),
                plugged.flag("data_compression"), description.dataEncryption, null);
        parameters.setClientId((String) plugged.parameters.get("client_id"));
        return parameters;
    }

    @Override
    public String getTopic() {
        return Providers.call(pluginName, plugin::getTopic);
    }

    @Override
    public Serializer<T> getSerializer() {
        return serializing.serializer;
    }

    @Override
    public boolean isThreadSafe() {
        return true;
    }

    @Override
    public void write(T message) {
        write(message, Timestamps.micros(Instant.now()));
    }

    @Override
    public void write(T message, long timestamp) {
        try {
            checkOpen("; the message was not sent");
            Coded coded = new Coded(serializing.serialize(message, handle), timestamp);
            try {
                send(coded);
            } catch (RuntimeException | LinkageError e) {
                throw coded.failed(e);
            }
            coded.taken();
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    private void send(Coded coded) {
        if (threadSafe) {
            plugin.write(coded.message);
            return;
        }
        synchronized (lock) {
            plugin.write(coded.message);
        }
    }

    @Override
    public byte[] getDebugLastMsgBytes() {
        return lastMessage();
    }
}
