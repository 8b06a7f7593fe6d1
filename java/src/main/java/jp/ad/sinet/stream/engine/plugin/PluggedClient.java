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

/** The common part of readers and writers of plugins. */
abstract class PluggedClient<P extends PluginMessageIO> extends Client {
    /** The limit for closing the plugin, and for its calls to end before that. */
    static final long CLOSE_MILLIS = 10_000;
    /** How long a call may take to react to the interrupt of the close; then the plugin is closed while the call goes on. */
    static final long INTERRUPT_MILLIS = 1000;

    final P plugin;
    /** The name of the plugin in errors. */
    final String pluginName;
    final Calls calls;
    private final ClientThreads threads = new ClientThreads();
    private volatile long[] last;

    /**
     * {@code sink} receives the events of an asynchronous client. {@code end} stops its thread, and must not refer to the
     * client.
     */
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

    /** Returns the error for options of a message, because a plugin receives only bytes and a time. */
    final UnsupportedOperationException noOptions() {
        return new UnsupportedOperationException(pluginName + " takes no options of one message; the message was not sent");
    }

    /** Counts a plugin's exception, and returns the exception for the program. */
    final SinetStreamException failure(Throwable thrown, Consequence consequence) {
        Native.countError(handle);
        Providers.passOn(thrown);
        return closedOr(thrown, consequence);
    }

    /** Returns the exception for the program without counting it. */
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
            if (last == null) { // set before the handle is released
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
        // The default time applies to each step, a given time to all together.
        closePlugin(millis < 0 ? limit : Math.max(0, limit - TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun)));
    }

    /** Called before the close, while the plugin still accepts calls, for at most the given milliseconds. */
    void beforeClose(long millis) {
    }

    /**
     * Closes the plugin on a separate thread, because its close may never return, and the remaining events must be reported
     * all the same.
     */
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
            thread.run(); // no other thread can be started
        }
    }

    @Override
    protected final void beforeRelease() {
        last = Native.metrics(handle);
    }
}
