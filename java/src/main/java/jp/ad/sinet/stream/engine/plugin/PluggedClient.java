package jp.ad.sinet.stream.engine.plugin;

import java.lang.ref.Cleaner;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.MessageIO;
import jp.ad.sinet.stream.api.Metrics;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.api.ValueType;
import jp.ad.sinet.stream.engine.boundary.Description;
import jp.ad.sinet.stream.engine.boundary.Native;
import jp.ad.sinet.stream.engine.boundary.Snapshot;
import jp.ad.sinet.stream.spi.PluginMessageIO;
import jp.ad.sinet.stream.utils.Timestamped;

/** What readers and writers of plugins have in common. */
abstract class PluggedClient<P extends PluginMessageIO> implements MessageIO {
    private static final Cleaner CLEANER = Cleaner.create();

    final long handle;
    final Description description;
    final P plugin;
    /** For errors. */
    final String pluginName;
    private final ValueType valueType;
    private final Cleaner.Cleanable cleanable;
    private final AtomicBoolean closed = new AtomicBoolean();
    /** Operations after the close, whose counters are a snapshot. */
    private final AtomicLong lateErrors = new AtomicLong();
    private volatile long[] last;
    private volatile byte[] lastMessage;

    PluggedClient(Plugged<?> plugged, P plugin) {
        handle = plugged.handle;
        description = plugged.description;
        valueType = plugged.valueType;
        this.plugin = plugin;
        pluginName = Providers.name(plugin, plugged.type);
        cleanable = CLEANER.register(this, lifeline(handle));
    }

    /** Without a reference to the client. */
    private static Runnable lifeline(long handle) {
        return () -> Native.release(handle);
    }

    final void checkOpen(String consequence) {
        if (closed.get()) {
            lateErrors.incrementAndGet();
            throw new SinetStreamIOException("the client of " + pluginName + " is closed" + consequence);
        }
    }

    /** A message that is coded, and not yet counted. */
    final class Coded {
        final Timestamped<byte[]> message;
        private final long[] sizes = new long[2];

        Coded(byte[] value, long timestamp) {
            message = new Timestamped<>(Native.encode(handle, value, timestamp, sizes), timestamp);
        }

        /** The plugin has taken it. */
        void taken() {
            lastMessage = message.getValue();
            try {
                Native.count(handle, message.getValue().length, sizes[0], sizes[1]);
            } catch (SinetStreamException e) {
                // closed meanwhile
            }
        }

        /** It has not. */
        SinetStreamException failed(Throwable e) {
            Native.countError(handle);
            return Providers.failure(pluginName, e);
        }
    }

    final byte[] lastMessage() {
        return lastMessage;
    }

    @Override
    public final String getService() {
        return description.service;
    }

    @Override
    public final Consistency getConsistency() {
        return description.consistency;
    }

    @Override
    public final String getClientId() {
        return Providers.call(pluginName, plugin::getClientId);
    }

    @Override
    public final Map<String, Object> getConfig() {
        return description.config;
    }

    @Override
    public final ValueType getValueType() {
        return valueType;
    }

    @Override
    public final boolean isDataEncryption() {
        return description.dataEncryption;
    }

    @Override
    public final Metrics getMetrics() {
        Metrics metrics = last != null ? Snapshot.metrics(last) : metrics();
        metrics.setErrorCountTotal(metrics.getErrorCountTotal() + lateErrors.get());
        return metrics;
    }

    private Metrics metrics() {
        Metrics metrics = Snapshot.metrics(Native.metrics(handle));
        metrics.setRaw(Providers.call(pluginName, plugin::getMetrics));
        return metrics;
    }

    @Override
    public final void resetMetrics(boolean doResetRaw) {
        if (last != null) {
            return;
        }
        Native.resetMetrics(handle);
        if (doResetRaw) {
            Providers.call(pluginName, () -> {
                plugin.resetMetrics();
                return null;
            });
        }
    }

    @Override
    public final Object getInfo(String ipath) {
        List<String> parts = ipath == null || ipath.isEmpty() ? Collections.emptyList() : Arrays.asList(ipath.split("\\."));
        return Providers.call(pluginName, () -> plugin.getInfo(parts));
    }

    @Override
    public final boolean isConnected() {
        return !closed.get();
    }

    @Override
    public final void close() {
        if (!closed.compareAndSet(false, true)) {
            return;
        }
        try {
            beforeClose();
            Providers.call(pluginName, () -> {
                plugin.close();
                return null;
            });
        } finally {
            try {
                afterClose();
            } finally {
                release();
            }
        }
    }

    private void release() {
        try {
            last = Native.metrics(handle);
        } finally {
            cleanable.clean();
        }
    }

    /** The plugin is still open. */
    void beforeClose() {
    }

    /** The plugin is closed. */
    void afterClose() {
    }

    @Override
    public final String toString() {
        return getClass().getSimpleName() + "(" + pluginName + ")";
    }
}
