package jp.ad.sinet.stream.engine.plugin;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.Supplier;

import jp.ad.sinet.stream.api.AsyncMessageReader;
import jp.ad.sinet.stream.api.Deserializer;
import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.engine.boundary.Configured;
import jp.ad.sinet.stream.engine.client.Consequence;
import jp.ad.sinet.stream.engine.client.MessageSubscription;
import jp.ad.sinet.stream.engine.jvm.SerialThread;
import jp.ad.sinet.stream.spi.AsyncMessageReaderProvider;
import jp.ad.sinet.stream.spi.PluginAsyncMessageReader;
import jp.ad.sinet.stream.spi.PluginMessageIO;
import jp.ad.sinet.stream.spi.PluginMessageReader;

/**
 * The asynchronous reader over a plugin.
 *
 * @param <T> the type of the values
 */
public final class PluggedAsyncReader<T> extends PluggedClient<PluginMessageIO> implements AsyncMessageReader<T> {
    private final Deserializer<T> deserializer;
    private final Supplier<List<String>> topics;
    private final Inbox<T> inbox;
    /** Makes the plugin read messages. */
    private final Runnable listen;
    private final AtomicBoolean listening = new AtomicBoolean();
    /** Null when the plugin calls back by itself. */
    private final SerialThread thread;

    private PluggedAsyncReader(Plugged<Deserializer<T>> plugged, PluginMessageIO plugin, Supplier<List<String>> topics,
            Inbox<T> inbox, Runnable listen, SerialThread thread) {
        super(plugged, plugin, new Calls(false), inbox.callbacks, thread == null ? () -> { } : thread::stop);
        deserializer = plugged.codec;
        this.topics = topics;
        this.inbox = inbox;
        this.listen = listen;
        this.thread = thread;
        inbox.begin(pump, stay);
    }

    /**
     * Opens a reader: the plugin's asynchronous one, or else its blocking one with a thread of this library. Blocks as long
     * as the plugin does.
     *
     * @param configured the configuration of the reader
     * @param deserializer the deserializer
     * @param <T> the type of the values
     * @return the reader
     */
    public static <T> AsyncMessageReader<T> open(Configured configured, Deserializer<T> deserializer) {
        Plugged<Deserializer<T>> plugged = new Plugged<>(configured, deserializer);
        AsyncMessageReaderProvider provider = Providers.find(AsyncMessageReaderProvider.class, plugged.type,
                plugged.parameters);
        return provider == null ? Providers.around(PluggedReader.plugin(plugged), plugin -> open(plugged, plugin))
                : Providers.around(Providers.open(provider, plugged.type,
                        () -> provider.getAsyncReader(PluggedReader.parameters(plugged))), plugin -> open(plugged, plugin));
    }

    private static <T> AsyncMessageReader<T> open(Plugged<Deserializer<T>> plugged, PluginAsyncMessageReader plugin) {
        Inbox<T> inbox = new Inbox<>(plugged, plugin, () -> { });
        return new PluggedAsyncReader<>(plugged, plugin, plugin::getTopics, inbox,
                () -> plugin.addOnMessageCallback(inbox::received, inbox::failed), null);
    }

    private static <T> AsyncMessageReader<T> open(Plugged<Deserializer<T>> plugged, PluginMessageReader plugin) {
        ReaderThread<T> reader = new ReaderThread<>(plugged, plugin);
        return new PluggedAsyncReader<>(plugged, plugin, plugin::getTopics, reader.inbox, () -> { }, reader.thread);
    }

    @Override
    public void addOnMessageCallback(Consumer<Message<T>> onMessage, Consumer<Throwable> onFailure) {
        // This comes first, since a plugin may call back at once.
        boolean isNew = inbox.callbacks.add(onMessage, onFailure, this);
        listen(() -> {
            if (isNew) {
                inbox.callbacks.remove(onMessage, onFailure);
            }
        });
    }

    @Override
    public Flow.Publisher<Message<T>> publisher() {
        return subscriber -> {
            MessageSubscription<T> subscription = inbox.callbacks.subscribe(subscriber, this);
            try {
                listen(() -> { });
            } catch (SinetStreamException e) {
                subscription.fail(e);
            }
        };
    }

    /**
     * Makes the plugin read messages for new listeners. If that fails, {@code undo} removes them before other listeners hear
     * of the failure.
     */
    private void listen(Runnable undo) {
        if (isClosing() || !listening.compareAndSet(false, true)) {
            return; // another thread may still be starting the plugin, and will report a failure
        }
        try {
            calls.call(() -> {
                listen.run();
                return null;
            }, Duration.ZERO, null);
        } catch (Throwable e) { // a plugin can throw anything
            listening.set(false);
            undo.run();
            inbox.failed(e); // reported to listeners that were added meanwhile
            Providers.passOn(e);
            throw closedOr(e, Consequence.NONE);
        }
    }

    @Override
    public void removeOnMessageCallback(Consumer<Message<T>> onMessage, Consumer<Throwable> onFailure) {
        inbox.callbacks.remove(onMessage, onFailure);
    }

    @Override
    public void clearOnMessageCallback() {
        inbox.callbacks.clear();
    }

    @Override
    void beforeClose(long millis) {
        inbox.callbacks.close();
        if (thread != null) {
            thread.close(0, Math.min(millis, INTERRUPT_MILLIS));
        }
    }

    @Override
    public String getTopic() {
        return String.join(",", getTopics());
    }

    @Override
    public List<String> getTopics() {
        return Providers.call(pluginName, () -> Objects.requireNonNull(topics.get(), "getTopics returned null"));
    }

    @Override
    public Deserializer<T> getDeserializer() {
        return deserializer;
    }
}
