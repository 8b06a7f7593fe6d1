package jp.ad.sinet.stream.engine.plugin;

import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

import jp.ad.sinet.stream.api.Metrics;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.api.SinetStreamIOException.Reason;
import jp.ad.sinet.stream.engine.boundary.ClientSink;
import jp.ad.sinet.stream.engine.boundary.Native;
import jp.ad.sinet.stream.engine.boundary.Snapshot;
import jp.ad.sinet.stream.engine.client.Client;
import jp.ad.sinet.stream.engine.client.Consequence;
import jp.ad.sinet.stream.engine.client.EventPump;
import jp.ad.sinet.stream.engine.client.Waiters;
import jp.ad.sinet.stream.engine.jvm.ClientThreads;
import jp.ad.sinet.stream.spi.PluginMessageIO;

/** What readers and writers of plugins have in common. */
abstract class PluggedClient<P extends PluginMessageIO> extends Client {
    /** How long the plugin may take to close, and its calls to end before that. */
    static final long CLOSE_MILLIS = 10_000;
    /** How long a call may take to feel the interrupt of the close: then the plugin is closed beside it. */
    static final long INTERRUPT_MILLIS = 1000;

    final P plugin;
    /** For errors. */
    final String pluginName;
    final Calls calls;
    private final ClientThreads threads = new ClientThreads();
    private volatile long[] last;

    /** {@code sink}: has the news of an asynchronous client. {@code end}: of its thread; must not refer to the client. */
    PluggedClient(Plugged<?> plugged, P plugin, Calls calls, ClientSink sink, Runnable end) {
        this(plugged, plugin, calls, EventPump.ofPlugin(name(plugged, plugin), plugged.configured.options, sink), end);
    }

    private PluggedClient(Plugged<?> plugged, P plugin, Calls calls, EventPump pump, Runnable end) {
        super(plugged.configured, name(plugged, plugin), pump, new Waiters(pump::news), lifeline(plugged.configured.handle, pump, end));
        this.plugin = plugin;
        this.calls = calls;
        pluginName = Providers.name(plugin, plugged.type);
    }

    private static String name(Plugged<?> plugged, PluginMessageIO plugin) {
        return "client of " + Providers.name(plugin, plugged.type);
    }

    private static Runnable lifeline(long handle, EventPump pump, Runnable end) {
        return () -> {
            end.run();
            pump.finish();
            Native.release(handle);
            new Waiters(pump::news).released();
        };
    }

    /** A plugin gets bytes and a time, and nothing else. */
    final UnsupportedOperationException noOptions() {
        return new UnsupportedOperationException(pluginName + " takes no options of one message; the message was not sent");
    }

    /** What the program gets of what a call of the plugin has thrown. */
    final SinetStreamException failure(Throwable thrown, Consequence consequence) {
        Native.countError(handle);
        Providers.passOn(thrown);
        return closedOr(thrown, consequence);
    }

    /** The same, which is counted already. */
    final SinetStreamException closedOr(Throwable thrown, Consequence consequence) {
        return isClosing() ? consequence.of(Reason.CLOSED, "the " + name + " was closed", thrown)
                : consequence.of(Providers.failure(pluginName, thrown));
    }

    @Override
    public final String getClientId() {
        return Providers.call(pluginName, plugin::getClientId);
    }

    @Override
    protected final Metrics counted() {
        try {
            if (last == null) {
                Metrics metrics = Snapshot.metrics(Native.metrics(handle));
                metrics.setRaw(Providers.call(pluginName, plugin::getMetrics));
                return metrics;
            }
        } catch (SinetStreamException e) {
            if (last == null) { // it is set before the handle is released
                throw e;
            }
        }
        return Snapshot.metrics(last);
    }

    @Override
    protected final void resetRaw() {
        Providers.call(pluginName, () -> {
            plugin.resetMetrics();
            return null;
        });
    }

    @Override
    public final Object getInfo(String ipath) {
        List<String> parts = ipath == null || ipath.isEmpty() ? Collections.emptyList() : Arrays.asList(ipath.split("\\."));
        return Providers.call(pluginName, () -> plugin.getInfo(parts));
    }

    @Override
    public final boolean isConnected() {
        return !isClosing();
    }

    @Override
    protected final void disconnect(long millis) {
        long begun = System.nanoTime();
        long limit = millis < 0 ? CLOSE_MILLIS : Math.min(millis, CLOSE_MILLIS);
        beforeClose(limit);
        calls.close(Math.min(limit, INTERRUPT_MILLIS));
        // The usual time is for each step, a given one for all together.
        closePlugin(millis < 0 ? limit : Math.max(0, limit - TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun)));
    }

    /** The plugin takes calls, still, for these milliseconds at most. */
    void beforeClose(long millis) {
    }

    /** On a thread of its own, since a plugin's close may never return: what there is to tell is told all the same. */
    private void closePlugin(long millis) {
        FutureTask<Void> closing = new FutureTask<>(plugin::close, null);
        Thread thread = threads.make(closing, "sinetstream-close");
        boolean interrupted = false;
        try {
            start(thread);
            try {
                closing.get(millis, TimeUnit.MILLISECONDS);
            } catch (InterruptedException e) {
                interrupted = true;
                thread.interrupt();
                closing.get(INTERRUPT_MILLIS, TimeUnit.MILLISECONDS);
            }
        } catch (ExecutionException e) {
            throw Providers.failure(pluginName, e.getCause());
        } catch (TimeoutException e) {
            throw new SinetStreamIOException(pluginName + " failed: its close does not return", e).with(Reason.TIMED_OUT, null);
        } catch (InterruptedException e) {
            interrupted = true;
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private static void start(Thread thread) {
        try {
            thread.start();
        } catch (OutOfMemoryError e) {
            thread.run(); // there is no thread for it but this one
        }
    }

    @Override
    protected final void beforeRelease() {
        last = Native.metrics(handle);
    }
}
