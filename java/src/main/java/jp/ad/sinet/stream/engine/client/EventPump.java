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
 * Takes the news of a client from the engine, where its callbacks run: it logs the changes of the connection, tells them to the
 * listener, and gives an asynchronous client the news of its messages. It is over after the last event or the release of the
 * handle. It does not know the client, so that a forgotten one can still be cleaned up.
 *
 * <p>When the JVM has no memory for something, it is tried again until it has: a client whose news stops would go on, but
 * its promises would never end, and its callbacks get nothing. What else goes wrong here ends the client.
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
    /** The news that there is will be taken. */
    private final AtomicBoolean called = new AtomicBoolean();
    private volatile boolean ready;

    /** Held while events are fetched, never while the listener runs. */
    private final ReentrantLock fetching = new ReentrantLock();
    /** Changed under that lock. */
    private volatile boolean finished;
    private byte[] rest;

    // of the one turn at a time
    private boolean wasConnected;
    private boolean wasLost;
    /** What stood in the way of a connection the last time. */
    private String obstacle;
    private boolean ended;
    /** Why the news can't be told. */
    private Throwable failure;
    /** What was fetched is the last there is. */
    private boolean last;
    /** What was fetched, until it is told; null when there is nothing. */
    private byte[] fetched;
    private PackedEvents events;

    /**
     * @param source gives packed events, may return null, and throws a SinetStreamIOException after the release of the handle;
     *        its argument is as of {@link Native#events}
     * @param name of the client, for the log
     * @param listener may be null
     * @param callbacks where all this is done
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

    /** Of a client with the engine's own connection. */
    static EventPump of(Configured configured, ClientSink sink) {
        long handle = configured.handle;
        Options options = configured.options;
        String full = configured.name() + ", client " + configured.description.clientId;
        return new EventPump(how -> Native.events(handle, sink.wantsMessages(), how), full, named(options.connectionListener(), configured),
                sink, new CallbackExecutor(options.executor(), full), () -> Native.close(handle, Native.AS_CONFIGURED));
    }

    /** The listener hears of which client each event is. */
    private static ConnectionListener named(ConnectionListener listener, Configured configured) {
        if (listener == null) {
            return null;
        }
        String clientId = configured.description.clientId;
        String service = configured.description.service;
        String role = configured.options.role();
        return event -> listener.onConnectionEvent(event.of(clientId, service, role));
    }

    /** Of a client whose messages go through a plugin: all its news is the sink's own, see {@link ClientSink#hasRest}. */
    public static EventPump ofPlugin(String name, Options options, ClientSink sink) {
        return new EventPump(how -> null, name, null, sink, new CallbackExecutor(options.executor(), name), () -> { });
    }

    /** Where callbacks run. */
    CallbackExecutor callbacks() {
        return callbacks;
    }

    /** Whose messages it tells of. */
    ClientSink sink() {
        return sink;
    }

    /** The sink, which runs callbacks now, has done so for long enough: it leaves a rest. */
    public boolean isToGiveWay() {
        return callbacks.isToGiveWay();
    }

    /** The client is open: until then, its failure is told by an exception and is not worth another message. */
    void ready() {
        ready = true;
    }

    /**
     * There is something to take. Returns at once. The last news, which a close waits for, is always submitted: the thread
     * that has set the flag may not have submitted its own yet.
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
     * Fetches what is left, so that the release of the handle, which comes next, loses none of it. Does not throw.
     */
    public void finish() {
        fetching.lock();
        try {
            finished = true;
            rest = source.apply(Native.LOOK);
        } catch (SinetStreamException e) {
            // nothing is left
        } catch (OutOfMemoryError e) {
            // what is left is unknown, as the promises will say
        } finally {
            fetching.unlock();
        }
    }

    /** Waits until all news has been given, unless this thread is giving it; false when the time is up. */
    boolean awaitOver(long timeoutMillis) {
        callbacks.finish(timeoutMillis);
        return callbacks.isWorkingHere() || over.getCount() == 0;
    }

    private void drain() {
        called.set(false); // what comes from now on may be missed here
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
            // the handle is released
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

    /** The rest comes behind all that others have for the executor; false when there is no memory for that. */
    private boolean comesAgain() {
        try {
            news();
            return true;
        } catch (OutOfMemoryError e) {
            return false;
        }
    }

    /** A client whose news can't be told must not go on in silence. */
    private void fail() {
        SinetStreamException cause = failure instanceof SinetStreamException ? (SinetStreamException) failure
                : new SinetStreamException("internal error: the news of the client could not be told", failure);
        Log.LOGGER.log(Level.SEVERE, name + ": ended: " + cause.getMessage(), failure);
        try {
            endClient.run();
        } catch (SinetStreamException closing) {
            // closed already
        }
        deliver(ConnectionEvent.ended(cause));
    }

    /** Tells what there is; false when there was nothing, and when there will be nothing more. */
    private boolean takeSome() {
        if (fetched == null) {
            // After news, more of it is likely: to wait for that here costs less than to be called again.
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
                // the library still has what there was
            } finally {
                fetching.unlock();
            }
            pause();
        }
    }

    /** Does it again until there is the memory for it. */
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

    /** There is no memory, or no thread, and perhaps there is one soon. */
    public static void pause() {
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(NO_MEMORY_MILLIS));
    }

    /** Tells what was fetched, or what is left of it; all of it, or as much as there is time for. */
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
        Thread.interrupted(); // an interrupt is the listener's own affair, and not for its next call
        ClientThreads.restoreLoader();
    }

    private void log(ConnectionEvent event) {
        switch (event.getType()) {
            case CONNECTED:
                // The first connection is no news; that a lost one is back is.
                log(wasLost ? Level.INFO : Level.FINE, "connected" + (event.getBroker() == null ? "" : " to " + event.getBroker())
                        + (event.isSessionPresent() ? ", session present" : ""));
                break;
            case LOST:
                wasLost = true;
                obstacle = event.getCause().getMessage();
                log(Level.WARNING, obstacle);
                break;
            case RETRYING:
                // Of many attempts that fail for the same reason the first is news.
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
