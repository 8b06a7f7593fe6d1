package jp.ad.sinet.stream.engine.client;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntFunction;
import java.util.logging.Level;

import jp.ad.sinet.stream.api.ConnectionEvent;
import jp.ad.sinet.stream.api.ConnectionListener;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.engine.boundary.ClientSink;
import jp.ad.sinet.stream.engine.boundary.Configured;
import jp.ad.sinet.stream.engine.boundary.Native;
import jp.ad.sinet.stream.engine.boundary.Options;
import jp.ad.sinet.stream.engine.boundary.PackedEvents;
import jp.ad.sinet.stream.engine.jvm.ClientThreads;
import jp.ad.sinet.stream.engine.jvm.Log;

/**
 * Fetches the events of a client from the engine, on the thread of its callbacks: logs the changes of the connection, passes
 * them to the listener, and passes the events of messages to an asynchronous client. It ends after the last event or the
 * release of the handle. It does not refer to the client, so that an abandoned client can still be garbage collected.
 *
 * <p>When the JVM lacks memory for a step, the step is repeated until it succeeds: if the events stopped while the client
 * goes on, its promises would never end and its callbacks would get nothing. Any other failure here ends the client.
 */
public final class EventPump {
    private static final int NO_MEMORY_MILLIS = 20;

    private final IntFunction<byte[]> source;
    private final String name;
    private final ConnectionListener listener;
    private final ClientSink sink;
    private final CallbackExecutor callbacks;
    private final Runnable endClient;
    private final Runnable drain = this::drain;
    private final Runnable tell = this::tell;
    private final Runnable fail = this::fail;
    private final Runnable tellRest;
    private final Runnable tellOver;
    private final CountDownLatch over = new CountDownLatch(1);
    /** Whether a task is submitted that will fetch the present events. */
    private final AtomicBoolean called = new AtomicBoolean();
    private volatile boolean ready;

    /** Held while events are fetched, never while the listener runs. */
    private final ReentrantLock fetching = new ReentrantLock();
    /** Written under the lock {@code fetching}. */
    private volatile boolean finished;
    private byte[] rest;

    // The following fields belong to the one turn that runs at a time.
    private boolean wasConnected;
    private boolean wasLost;
    /** The last reason why there was no connection. */
    private String obstacle;
    private boolean ended;
    /** Why the events could not be passed on. */
    private Throwable failure;
    /** Whether the fetched events are the last ones. */
    private boolean last;
    /** The fetched events until they are passed on; null when there are none. */
    private byte[] fetched;
    private PackedEvents events;

    /**
     * @param source returns packed events or null, and throws a SinetStreamIOException after the release of the handle; its
     *        argument is as for {@link Native#events}
     * @param name the name of the client, for the log
     * @param listener may be null
     * @param callbacks runs all tasks of the pump
     * @param endClient closes the client, without waiting
     */
    EventPump(IntFunction<byte[]> source, String name, ConnectionListener listener, ClientSink sink,
            CallbackExecutor callbacks, Runnable endClient) {
        this.source = source;
        this.name = name;
        this.listener = listener;
        this.sink = sink;
        this.tellRest = sink::messages;
        this.tellOver = sink::over;
        this.callbacks = callbacks;
        this.endClient = endClient;
    }

    /** Makes the pump of a client with the engine's own connection. */
    static EventPump of(Configured configured, ClientSink sink) {
        long handle = configured.handle;
        Options options = configured.options;
        String full = configured.name() + ", client " + configured.description.clientId;
        return new EventPump(how -> Native.events(handle, sink.wantsMessages(), how), full, named(options.connectionListener(), configured),
                sink, new CallbackExecutor(options.executor(), full), () -> Native.close(handle, Native.AS_CONFIGURED));
    }

    /** Wraps the listener so that each event names the client. */
    private static ConnectionListener named(ConnectionListener listener, Configured configured) {
        if (listener == null) {
            return null;
        }
        String clientId = configured.description.clientId;
        String service = configured.description.service;
        String role = configured.options.role();
        return event -> listener.onConnectionEvent(event.of(clientId, service, role));
    }

    /**
     * Makes the pump of a client whose messages go through a plugin. All its events come from the sink; see
     * {@link ClientSink#hasRest}.
     */
    public static EventPump ofPlugin(String name, Options options, ClientSink sink) {
        return new EventPump(how -> null, name, null, sink, new CallbackExecutor(options.executor(), name), () -> { });
    }

    /** Returns the executor of the callbacks. */
    CallbackExecutor callbacks() {
        return callbacks;
    }

    /** Returns the sink that receives the events of messages. */
    ClientSink sink() {
        return sink;
    }

    /** Tells whether the sink, which is running callbacks, should stop and leave the rest to a later turn. */
    public boolean isToGiveWay() {
        return callbacks.isToGiveWay();
    }

    /** Marks the client as open. Before that, an exception reports its failure, which needs no further message in the log. */
    void ready() {
        ready = true;
    }

    /**
     * Submits a task that fetches the present events. Returns at once. The last events, for which close waits, are always
     * submitted: the thread that has set the flag may not have submitted its own task yet.
     */
    public void news() {
        if (called.compareAndSet(false, true) || finished) {
            try {
                callbacks.submit(drain);
            } catch (Throwable e) {
                called.set(false);
                throw e;
            }
        }
    }

    /**
     * Fetches the remaining events, so that the release of the handle, which comes next, loses none of them. Does not throw.
     */
    public void finish() {
        fetching.lock();
        try {
            finished = true;
            rest = source.apply(Native.LOOK);
        } catch (SinetStreamException e) {
            // Nothing is left.
        } catch (OutOfMemoryError e) {
            // The remaining events are unknown; the promises will say so.
        } finally {
            fetching.unlock();
        }
    }

    /** Waits until all events have been passed on, unless this thread is doing so. Returns false when the time is up. */
    boolean awaitOver(long timeoutMillis) {
        callbacks.finish(timeoutMillis);
        return callbacks.isWorkingHere() || over.getCount() == 0;
    }

    private void drain() {
        called.set(false); // reset first: this turn may miss events that come from now on
        if (over.getCount() == 0) {
            return;
        }
        try {
            boolean more = true;
            while (more && !ended) {
                try {
                    more = takeSome() || sink.hasRest();
                } catch (OutOfMemoryError e) {
                    pause();
                }
                if (more && !ended && callbacks.isToGiveWay() && comesAgain()) {
                    return;
                }
            }
            if (!ended && !last) {
                return;
            }
        } catch (SinetStreamIOException e) {
            // The handle is released.
        } catch (Throwable e) {
            failure = e;
            persist(fail);
        }
        persist(tellOver);
        over.countDown();
        if (!ended) {
            deliver(ConnectionEvent.closed());
        }
    }

    /** Resubmits the remaining events behind the other tasks of the executor. Returns false when memory is lacking for that. */
    private boolean comesAgain() {
        try {
            news();
            return true;
        } catch (OutOfMemoryError e) {
            return false;
        }
    }

    /** Ends a client whose events cannot be passed on, because it must not go on in silence. */
    private void fail() {
        SinetStreamException cause = failure instanceof SinetStreamException ? (SinetStreamException) failure
                : new SinetStreamException("internal error: the events of the client could not be passed on", failure);
        Log.LOGGER.log(Level.SEVERE, name + ": ended: " + cause.getMessage(), failure);
        try {
            endClient.run();
        } catch (SinetStreamException closing) {
            // The client is closed already.
        }
        deliver(ConnectionEvent.ended(cause));
    }

    /** Passes on the present events. Returns false when there were none, and when there will be no more. */
    private boolean takeSome() {
        if (fetched == null) {
            // After some events, more are likely: a short wait here costs less than another call.
            fetch(callbacks.isAtLeisure() ? Native.BRIEFLY : Native.ARMED);
        }
        boolean some = fetched != null;
        if (some) {
            persist(tell);
        }
        if (fetched == null && sink.hasRest()) {
            persist(tellRest);
        }
        return fetched != null || some && !last;
    }

    private void fetch(int how) {
        while (true) {
            fetching.lock();
            try {
                last = finished;
                fetched = last ? rest : source.apply(how);
                rest = null;
                return;
            } catch (OutOfMemoryError e) {
                // The library still has the events.
            } finally {
                fetching.unlock();
            }
            pause();
        }
    }

    /** Repeats the task until there is enough memory for it. */
    public static void persist(Runnable news) {
        while (true) {
            try {
                news.run();
                return;
            } catch (OutOfMemoryError e) {
                pause();
            }
        }
    }

    /** Pauses when memory or a thread is lacking, because there may be some soon. */
    public static void pause() {
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(NO_MEMORY_MILLIS));
    }

    /** Passes on the fetched events, or the rest of them, until all are done or the turn's time is up. */
    private void tell() {
        if (events == null) {
            events = new PackedEvents(fetched, sink);
        }
        boolean hasTime = true;
        while (!ended && hasTime && events.hasNext()) {
            try {
                ConnectionEvent event = events.next();
                if (event != null) {
                    deliver(event);
                }
            } catch (OutOfMemoryError e) {
                events.again();
                throw e;
            }
            hasTime = !callbacks.isToGiveWay();
        }
        if (ended || !events.hasNext()) {
            events = null;
            fetched = null;
        }
    }

    private void deliver(ConnectionEvent event) {
        ConnectionEvent.Type type = event.getType();
        wasConnected |= type == ConnectionEvent.Type.CONNECTED;
        log(event);
        if (type == ConnectionEvent.Type.ENDED) {
            sink.ended(event.getCause());
        }
        ended = type == ConnectionEvent.Type.ENDED || type == ConnectionEvent.Type.CLOSED;
        if (listener == null || !wasConnected) {
            return;
        }
        try {
            listener.onConnectionEvent(event);
        } catch (Throwable e) {
            Log.LOGGER.log(Level.WARNING, name + ": the connection listener failed on " + type, e);
        }
        Thread.interrupted(); // an interrupt was meant for the listener, and must not reach its next call
        ClientThreads.restoreLoader();
    }

    private void log(ConnectionEvent event) {
        switch (event.getType()) {
            case CONNECTED:
                // The first connection is not worth a message; the return of a lost one is.
                log(wasLost ? Level.INFO : Level.FINE, "connected" + (event.getBroker() == null ? "" : " to " + event.getBroker())
                        + (event.isSessionPresent() ? ", session present" : ""));
                break;
            case LOST:
                wasLost = true;
                obstacle = event.getCause().getMessage();
                log(Level.WARNING, obstacle);
                break;
            case RETRYING:
                // Of many attempts that fail for the same reason only the first is worth a warning.
                boolean sameAsBefore = event.getCause().getMessage().equals(obstacle);
                obstacle = event.getCause().getMessage();
                log(sameAsBefore ? Level.FINE : Level.WARNING, "connecting"
                        + (event.getBroker() == null ? "" : " to " + event.getBroker()) + " again in "
                        + event.getDelay().toMillis() + " ms: " + obstacle);
                break;
            case ENDED:
                log(ready ? Level.SEVERE : Level.FINE, "ended: " + event.getCause().getMessage());
                break;
            default:
                log(Level.FINE, "closed");
                break;
        }
    }

    private void log(Level level, String what) {
        Log.LOGGER.log(level, name + ": " + what);
    }
}
