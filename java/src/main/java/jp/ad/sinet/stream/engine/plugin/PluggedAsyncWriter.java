package jp.ad.sinet.stream.engine.plugin;

import java.lang.ref.Reference;
import java.time.Instant;
import java.util.function.Function;
import java.util.function.Supplier;

import org.jdeferred2.Promise;
import org.jdeferred2.impl.DeferredObject;

import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.Serializer;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.WriteOptions;
import jp.ad.sinet.stream.engine.boundary.Configured;
import jp.ad.sinet.stream.engine.boundary.Timestamps;
import jp.ad.sinet.stream.engine.client.Consequence;
import jp.ad.sinet.stream.engine.client.Serializing;
import jp.ad.sinet.stream.engine.client.WritePromise;
import jp.ad.sinet.stream.spi.AsyncMessageWriterProvider;
import jp.ad.sinet.stream.spi.PluginMessageIO;
import jp.ad.sinet.stream.utils.Timestamped;

/**
 * The asynchronous writer over a plugin.
 *
 * @param <T> the type of the values
 */
public final class PluggedAsyncWriter<T> extends PluggedClient<PluginMessageIO> implements AsyncMessageWriter<T> {
    private final Serializing<T> serializing;
    private final Supplier<String> topic;
    private final WriterThread thread;

    private PluggedAsyncWriter(Plugged<Serializer<T>> plugged, PluginMessageIO plugin, Supplier<String> topic, WriterThread thread) {
        super(plugged, plugin, new Calls(false), thread, thread.thread::stop);
        serializing = new Serializing<>(plugged.codec);
        this.topic = topic;
        this.thread = thread;
        thread.begin(pump);
    }

    /**
     * Opens a writer: the plugin's asynchronous one, or else its blocking one with a thread of this library. Blocks as long
     * as the plugin does.
     *
     * @param configured the configuration of the writer
     * @param serializer the serializer
     * @param <T> the type of the values
     * @return the writer
     */
    public static <T> AsyncMessageWriter<T> open(Configured configured, Serializer<T> serializer) {
        Plugged<Serializer<T>> plugged = new Plugged<>(configured, serializer);
        AsyncMessageWriterProvider provider = Providers.find(AsyncMessageWriterProvider.class, plugged.type,
                plugged.parameters);
        if (provider != null) {
            return Providers.around(Providers.open(provider, plugged.type,
                    () -> provider.getAsyncWriter(PluggedWriter.parameters(plugged))),
                    plugin -> open(plugged, plugin, plugin::getTopic, plugin::write));
        }
        Promise<Void, Throwable, Void> written = new DeferredObject<Void, Throwable, Void>().resolve(null).promise();
        return Providers.around(PluggedWriter.plugin(plugged), plugin -> open(plugged, plugin, plugin::getTopic, message -> {
            plugin.write(message);
            return written;
        }));
    }

    private static <T> AsyncMessageWriter<T> open(Plugged<Serializer<T>> plugged, PluginMessageIO plugin, Supplier<String> topic,
            Function<Timestamped<byte[]>, Promise<?, ? extends Throwable, ?>> write) {
        return new PluggedAsyncWriter<>(plugged, plugin, topic,
                new WriterThread(write, plugged.configured.handle, Providers.name(plugin, plugged.type)));
    }

    @Override
    void beforeClose(long millis) {
        thread.thread.close(millis, Math.min(millis, INTERRUPT_MILLIS));
    }

    @Override
    public String getTopic() {
        return Providers.call(pluginName, topic);
    }

    @Override
    public Serializer<T> getSerializer() {
        return serializing.serializer;
    }

    @Override
    public Promise<?, ? extends Throwable, ?> write(T message) {
        return write(message, Timestamps.micros(Instant.now()));
    }

    @Override
    public Promise<?, ? extends Throwable, ?> write(T message, WriteOptions options) {
        throw noOptions();
    }

    @Override
    public Promise<?, ? extends Throwable, ?> write(T message, long timestamp, WriteOptions options) {
        throw noOptions();
    }

    @Override
    public void flush() {
        try {
            checkUsable(FLUSHING, Consequence.NONE);
            awaitEnds(thread.outcomes);
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    @Override
    public Promise<?, ? extends Throwable, ?> write(T message, long timestamp) {
        try {
            byte[] value = serializing.serialize(message, handle);
            WritePromise promise = new WritePromise();
            try {
                checkUsable(WRITING, Consequence.NOT_SENT);
                awaitRoom(thread.outcomes);
                thread.add(new Coded(handle, value, timestamp), promise);
                stay.untilTold(this);
            } catch (SinetStreamException e) {
                promise.settle(e);
            }
            return promise;
        } finally {
            Reference.reachabilityFence(this);
        }
    }
}
