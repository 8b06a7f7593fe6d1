package jp.ad.sinet.stream.engine.plugin;

import java.lang.ref.Reference;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

import org.jdeferred2.Promise;

import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.Serializer;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.engine.boundary.Configured;
import jp.ad.sinet.stream.engine.boundary.Timestamps;
import jp.ad.sinet.stream.engine.client.CallbackExecutor;
import jp.ad.sinet.stream.engine.client.Serializing;
import jp.ad.sinet.stream.engine.client.WritePromise;
import jp.ad.sinet.stream.spi.AsyncMessageWriterProvider;
import jp.ad.sinet.stream.spi.PluginAsyncMessageWriter;

/**
 * The asynchronous writer over a plugin.
 *
 * @param <T> the type of the values
 */
public final class PluggedAsyncWriter<T> extends PluggedClient<PluginAsyncMessageWriter> implements AsyncMessageWriter<T> {
    /** Promises whose callbacks have not been run. */
    private static final int MAX_BACKLOG = 65_536;

    private final Serializing<T> serializing;
    /** Keeps the order of the calls. */
    private final Object lock = new Object();
    private final CallbackExecutor callbacks;

    private PluggedAsyncWriter(Plugged<Serializer<T>> plugged, PluginAsyncMessageWriter plugin) {
        super(plugged, plugin);
        serializing = new Serializing<>(plugged.codec);
        callbacks = new CallbackExecutor(plugged.options.executor(), pluginName);
    }

    /**
     * Opens a writer: the plugin's, or for want of one its blocking one with a thread of ours. Blocks as long as the plugin does.
     *
     * @param configured what is opened, for a plugin
     * @param serializer the serializer
     * @param <T> the type of the values
     * @return the writer
     */
    public static <T> AsyncMessageWriter<T> open(Configured configured, Serializer<T> serializer) {
        Plugged<Serializer<T>> plugged = new Plugged<>(configured, serializer);
        AsyncMessageWriterProvider provider = Providers.find(AsyncMessageWriterProvider.class, plugged.type,
                plugged.parameters);
        return new PluggedAsyncWriter<>(plugged, provider == null ? new WriterThread(PluggedWriter.plugin(plugged))
                : Providers.open(provider, plugged.type, () -> provider.getAsyncWriter(PluggedWriter.parameters(plugged))));
    }

    @Override
    void afterClose() {
        callbacks.finish(CallbackExecutor.CLOSE_MILLIS);
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
    public Promise<?, ? extends Throwable, ?> write(T message) {
        try {
            byte[] value = serializing.serialize(message, handle);
            WritePromise promise = new WritePromise();
            try {
                checkOpen("; the message was not sent");
                awaitCallbacks();
                submit(new Coded(value, Timestamps.micros(Instant.now())), promise);
            } catch (SinetStreamException e) {
                promise.settle(e);
            }
            return promise;
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /** Who writes faster than the callbacks return waits for them, unless a callback does it. */
    private void awaitCallbacks() {
        while (callbacks.backlog() >= MAX_BACKLOG && !callbacks.isWorkingHere()) {
            checkOpen("; the message was not sent");
            if (Thread.currentThread().isInterrupted()) {
                throw new SinetStreamIOException("the writer of " + pluginName + ": interrupted while waiting for callbacks;"
                        + " the message was not sent", new InterruptedException());
            }
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1));
        }
    }

    private void submit(Coded coded, WritePromise promise) {
        Promise<?, ? extends Throwable, ?> sent;
        try {
            synchronized (lock) {
                sent = plugin.write(coded.message);
            }
            if (sent == null) {
                throw new IllegalStateException("write gives null");
            }
        } catch (RuntimeException | LinkageError e) {
            throw coded.failed(e);
        }
        sent.done(nothing -> {
            coded.taken();
            callbacks.submit(() -> promise.settle(null));
        }).fail(cause -> {
            SinetStreamException failure = coded.failed(cause);
            callbacks.submit(() -> promise.settle(failure));
        });
    }
}
