package jp.ad.sinet.stream.engine.plugin;

import java.lang.ref.Reference;
import java.time.Instant;

import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.Serializer;
import jp.ad.sinet.stream.api.WriteOptions;
import jp.ad.sinet.stream.engine.boundary.ClientSink;
import jp.ad.sinet.stream.engine.boundary.Configured;
import jp.ad.sinet.stream.engine.boundary.Description;
import jp.ad.sinet.stream.engine.boundary.Timestamps;
import jp.ad.sinet.stream.engine.client.Consequence;
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
    private volatile byte[] lastMessage;

    private PluggedWriter(Plugged<Serializer<T>> plugged, PluginMessageWriter plugin) {
        super(plugged, plugin, new Calls(!Providers.call(Providers.name(plugin, plugged.type), plugin::isThreadSafe)),
                new ClientSink() { }, () -> { });
        serializing = new Serializing<>(plugged.codec);
    }

    /**
     * Opens a writer. Blocks as long as the plugin does.
     *
     * @param configured the configuration of the writer
     * @param serializer the serializer
     * @param <T> the type of the values
     * @return the writer
     */
    public static <T> MessageWriter<T> open(Configured configured, Serializer<T> serializer) {
        Plugged<Serializer<T>> plugged = new Plugged<>(configured, serializer);
        return Providers.around(plugin(plugged), plugin -> new PluggedWriter<>(plugged, plugin));
    }

    static PluginMessageWriter plugin(Plugged<?> plugged) {
        MessageWriterProvider provider = Providers.find(MessageWriterProvider.class, plugged.type, plugged.parameters);
        if (provider == null) {
            throw Providers.none(plugged.type, "blocking writer");
        }
        return Providers.open(provider, plugged.type, () -> provider.getWriter(parameters(plugged)));
    }

    static WriterParameters parameters(Plugged<?> plugged) {
        Description description = plugged.configured.description;
        WriterParameters parameters = new WriterParameters(description.service, description.topic,
                description.consistency, plugged.configured.valueType, plugged.parameters, plugged.flag("user_data_only"),
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
            checkUsable(WRITING, Consequence.NOT_SENT);
            Coded coded = new Coded(handle, serializing.serialize(message, handle), timestamp);
            boolean given;
            try {
                given = calls.call(() -> {
                    plugin.write(coded.message);
                    return true;
                }, description.writeTimeout, () -> false);
            } catch (Throwable e) { // a plugin can throw anything
                throw failure(e, Consequence.SENT);
            }
            if (!given) {
                throw timedOut("other threads are in the plugin");
            }
            lastMessage = coded.message.getValue();
            coded.taken();
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    @Override
    public void write(T message, WriteOptions options) {
        throw noOptions();
    }

    @Override
    public void write(T message, long timestamp, WriteOptions options) {
        throw noOptions();
    }

    @Override
    public byte[] getDebugLastMsgBytes() {
        return lastMessage;
    }
}
