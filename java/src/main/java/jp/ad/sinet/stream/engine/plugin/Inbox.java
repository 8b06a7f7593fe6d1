package jp.ad.sinet.stream.engine.plugin;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Supplier;

import jp.ad.sinet.stream.api.Deserializer;
import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.engine.boundary.Native;
import jp.ad.sinet.stream.engine.client.EventPump;
import jp.ad.sinet.stream.engine.client.MessageCallbacks;
import jp.ad.sinet.stream.engine.client.MessageSource;
import jp.ad.sinet.stream.engine.client.Stay;
import jp.ad.sinet.stream.engine.jvm.Log;
import jp.ad.sinet.stream.spi.PluginMessageIO;
import jp.ad.sinet.stream.spi.PluginMessageWrapper;

/** The messages that a plugin has read for an asynchronous reader. Each is decoded once, however many callbacks there are. */
final class Inbox<T> implements MessageSource<T> {
    /** The limit of messages that wait while there is no listener, since a plugin that calls back cannot be paused. */
    private static final int MAX_UNHEARD = 10_000;

    final MessageCallbacks<T> callbacks = new MessageCallbacks<>();
    private final long handle;
    private final String pluginName;
    private final PluggedDecoding<T> decoding;
    private final BlockingQueue<Supplier<Message<T>>> queue = new LinkedBlockingQueue<>();
    private volatile EventPump pump;
    private volatile boolean warned;
    /** Called when there is a listener and no message. */
    private final Runnable hungry;
    private Supplier<Message<T>> current;

    Inbox(Plugged<Deserializer<T>> plugged, PluginMessageIO plugin, Runnable hungry) {
        handle = plugged.configured.handle;
        pluginName = Providers.name(plugin, plugged.type);
        decoding = new PluggedDecoding<>(handle, pluginName, plugged.codec);
        this.hungry = hungry;
    }

    void begin(EventPump ofClient, Stay stay) {
        pump = ofClient;
        callbacks.begin(this, ofClient, stay);
    }

    /** Adds a message and tells the pump. Any thread may call this; it does not block. */
    void received(PluginMessageWrapper read) {
        add(read);
        tell();
    }

    void tell() {
        pump.news();
    }

    /** Adds a message without telling the pump. */
    void add(PluginMessageWrapper read) {
        if (queue.size() < MAX_UNHEARD || callbacks.isHeard()) {
            queue.add(() -> decoding.message(read));
            return;
        }
        Native.countError(handle);
        if (!warned) {
            warned = true;
            Log.LOGGER.warning("the reader of " + pluginName + ": there is no callback or subscriber, and " + MAX_UNHEARD
                    + " messages wait; further ones are lost");
        }
    }

    /** Adds a failure for the listeners, if there are any. Any thread may call this; it does not block. */
    void failed(Throwable cause) {
        Native.countError(handle);
        if (callbacks.isHeard()) {
            SinetStreamException failure = Providers.failure(pluginName, cause);
            queue.add(() -> {
                throw failure;
            });
            tell();
        }
    }

    int size() {
        return queue.size();
    }

    @Override
    public boolean hasRest() {
        boolean some = !queue.isEmpty();
        if (!some) {
            hungry.run();
        }
        return some;
    }

    @Override
    public boolean next(long wanted) {
        current = queue.poll();
        return current != null;
    }

    @Override
    public Message<T> message() {
        return current.get();
    }

    @Override
    public int tries() {
        return 0;
    }

    @Override
    public void skipped() {
        current = null;
    }

    /** Does nothing more, because the plugin's messaging system acknowledges by its own rules. */
    @Override
    public void calledBack(boolean processed) {
        current = null;
    }
}
