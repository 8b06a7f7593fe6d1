package jp.ad.sinet.stream.engine.plugin;

import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.logging.Level;

import jp.ad.sinet.stream.api.AsyncMessageReader;
import jp.ad.sinet.stream.api.Deserializer;
import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.engine.boundary.Configured;
import jp.ad.sinet.stream.engine.boundary.Native;
import jp.ad.sinet.stream.engine.client.CallbackExecutor;
import jp.ad.sinet.stream.engine.jvm.ClientThreads;
import jp.ad.sinet.stream.engine.jvm.Log;
import jp.ad.sinet.stream.spi.AsyncMessageReaderProvider;
import jp.ad.sinet.stream.spi.PluginAsyncMessageReader;
import jp.ad.sinet.stream.spi.PluginMessageWrapper;

/**
 * The asynchronous reader over a plugin. A message is decoded once, however many callbacks there are.
 *
 * @param <T> the type of the values
 */
public final class PluggedAsyncReader<T> extends PluggedClient<PluginAsyncMessageReader> implements AsyncMessageReader<T> {
    /** What waits while nobody listens: a plugin that reads by itself can't be stopped. */
    private static final int MAX_UNHEARD = 10_000;
    /** Messages on their way to an executor. */
    private static final int MAX_BACKLOG = 1000;

    private final Deserializer<T> deserializer;
    private final PluggedDecoding<T> decoding;
    private final CallbackExecutor executor;
    private final List<Callbacks<T>> callbacks = new CopyOnWriteArrayList<>();
    /** What the plugin has given while nobody listened. */
    private final Queue<PluginMessageWrapper> unheard = new ConcurrentLinkedQueue<>();
    private boolean listening;
    private boolean warned;
    private volatile boolean closed;

    private PluggedAsyncReader(Plugged<Deserializer<T>> plugged, PluginAsyncMessageReader plugin) {
        super(plugged, plugin);
        deserializer = plugged.codec;
        decoding = new PluggedDecoding<>(handle, pluginName, deserializer);
        executor = new CallbackExecutor(plugged.options.executor(), pluginName);
    }

    /**
     * Opens a reader: the plugin's, or for want of one its blocking one with a thread of ours. Blocks as long as the plugin does.
     *
     * @param configured what is opened, for a plugin
     * @param deserializer the deserializer
     * @param <T> the type of the values
     * @return the reader
     */
    public static <T> AsyncMessageReader<T> open(Configured configured, Deserializer<T> deserializer) {
        Plugged<Deserializer<T>> plugged = new Plugged<>(configured, deserializer);
        AsyncMessageReaderProvider provider = Providers.find(AsyncMessageReaderProvider.class, plugged.type,
                plugged.parameters);
        return new PluggedAsyncReader<>(plugged, provider == null ? new ReaderThread(PluggedReader.plugin(plugged))
                : Providers.open(provider, plugged.type, () -> provider.getAsyncReader(PluggedReader.parameters(plugged))));
    }

    private static final class Callbacks<T> {
        private final Consumer<Message<T>> onMessage;
        private final Consumer<Throwable> onFailure;

        Callbacks(Consumer<Message<T>> onMessage, Consumer<Throwable> onFailure) {
            this.onMessage = onMessage;
            this.onFailure = onFailure;
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Callbacks && Objects.equals(onMessage, ((Callbacks<?>) other).onMessage)
                    && Objects.equals(onFailure, ((Callbacks<?>) other).onFailure);
        }

        @Override
        public int hashCode() {
            return Objects.hash(onMessage, onFailure);
        }
    }

    private void received(PluginMessageWrapper read) {
        if (unheard.size() >= MAX_UNHEARD && callbacks.isEmpty()) {
            failedToKeep();
            return;
        }
        unheard.add(read);
        executor.submit(this::giveUnheard);
        // A thread of our own can wait; one of a plugin may hold the application's locks.
        while (plugin instanceof ReaderThread && !closed && executor.backlog() > MAX_BACKLOG) {
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1));
        }
    }

    private void failedToKeep() {
        Native.countError(handle);
        if (!warned) {
            warned = true;
            Log.LOGGER.warning("the reader of " + pluginName + ": nobody listens, and " + MAX_UNHEARD
                    + " messages wait; further ones are lost");
        }
    }

    private void giveUnheard() {
        while (!closed) {
            PluginMessageWrapper read;
            List<Callbacks<T>> listeners;
            // What is taken is told to those who listen now, also when they are taken away meanwhile: else it would be lost.
            synchronized (callbacks) {
                listeners = List.copyOf(callbacks);
                read = listeners.isEmpty() ? null : unheard.poll();
            }
            if (read == null) {
                return;
            }
            give(read, listeners);
            if (executor.isToGiveWay()) {
                executor.submit(this::giveUnheard);
                return;
            }
        }
    }

    private void give(PluginMessageWrapper read, List<Callbacks<T>> listeners) {
        try {
            Message<T> message = decoding.message(read);
            each(listeners, callback -> callback.onMessage, message);
        } catch (SinetStreamException | Error e) {
            each(listeners, callback -> callback.onFailure, e);
        }
    }

    private void failed(Throwable cause) {
        Native.countError(handle);
        executor.submit(() -> each(callbacks, callback -> callback.onFailure, Providers.failure(pluginName, cause)));
    }

    private <V> void each(List<Callbacks<T>> listeners, Function<Callbacks<T>, Consumer<V>> kind, V news) {
        for (Callbacks<T> each : listeners) {
            Consumer<V> callback = kind.apply(each);
            if (callback == null) {
                continue;
            }
            try {
                callback.accept(news);
            } catch (RuntimeException | Error e) {
                Log.LOGGER.log(Level.WARNING, "a callback of the reader of " + pluginName + " failed", e);
            }
            ClientThreads.restoreLoader();
        }
    }

    @Override
    public void addOnMessageCallback(Consumer<Message<T>> onMessage, Consumer<Throwable> onFailure) {
        synchronized (callbacks) {
            Callbacks<T> added = new Callbacks<>(onMessage, onFailure);
            if (!callbacks.contains(added)) {
                callbacks.add(added);
            }
            // What comes while nobody listens would be lost.
            if (!listening) {
                plugin.addOnMessageCallback(this::received, this::failed);
                listening = true;
            }
            tellWhetherWanted();
        }
        if (!unheard.isEmpty()) {
            executor.submit(this::giveUnheard);
        }
    }

    @Override
    public void removeOnMessageCallback(Consumer<Message<T>> onMessage, Consumer<Throwable> onFailure) {
        synchronized (callbacks) {
            callbacks.remove(new Callbacks<>(onMessage, onFailure));
            tellWhetherWanted();
        }
    }

    @Override
    public void clearOnMessageCallback() {
        synchronized (callbacks) {
            callbacks.clear();
            tellWhetherWanted();
        }
    }

    private void tellWhetherWanted() {
        if (plugin instanceof ReaderThread) {
            ((ReaderThread) plugin).want(!callbacks.isEmpty());
        }
    }

    @Override
    void beforeClose() {
        closed = true;
    }

    @Override
    void afterClose() {
        executor.finish(CallbackExecutor.CLOSE_MILLIS);
    }

    @Override
    public String getTopic() {
        return String.join(",", getTopics());
    }

    @Override
    public List<String> getTopics() {
        return Providers.call(pluginName, plugin::getTopics);
    }

    @Override
    public Deserializer<T> getDeserializer() {
        return deserializer;
    }
}
