package jp.ad.sinet.stream.engine;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.IntFunction;
import java.util.logging.Level;

import jp.ad.sinet.stream.api.ConnectionEvent;
import jp.ad.sinet.stream.api.ConnectionListener;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;

/**
 * The one thread of a client: it logs the changes of the connection, tells them to the listener, and gives an
 * asynchronous client the news of its messages. It ends by itself after the last event or the release of the handle. It
 * does not know the client, so that a forgotten one can still be cleaned up.
 *
 * <p>When the JVM has no memory for something, it is tried again until it has: a client without this thread would go on, but
 * its promises would never end, and its callbacks get nothing.
 */
final class EventPump implements Runnable {
    private static final int WAIT_MILLIS = 1000;
    private static final int ABANDONED_MILLIS = 1000;
    private static final int NO_MEMORY_MILLIS = 20;

    private final IntFunction<byte[]> source;
    private final String name;
    private final ConnectionListener listener;
    private final ClientSink sink;
    private final CallbackExecutor callbacks;
    private final Runnable tell = this::tell;
    private final Runnable tellRest;
    private final Runnable tellOver;
    private final CountDownLatch over = new CountDownLatch(1);
    private volatile boolean ready;

    /** Held while events are fetched, never while the listener runs. Fair: {@link #finish} gets its turn. */
    private final ReentrantLock fetching = new ReentrantLock(true);
    private boolean finished;
    private byte[] rest;

    // of the thread alone
    private boolean wasConnected;
    private boolean wasLost;
    /** What stood in the way of a connection the last time. */
    private String obstacle;
    private boolean ended;
    /** What was fetched, until it is told; null when there is nothing. */
    private byte[] fetched;
    private PackedEvents events;
    private volatile boolean noMemory;

    /**
     * A pump that does not run yet.
     *
     * @param source waits this many milliseconds for packed events, may return null, and throws a
     *        SinetStreamIOException after the release of the handle
     * @param name of the client, for the log
     * @param listener may be null
     */
    EventPump(IntFunction<byte[]> source, String name, ConnectionListener listener) {
        this(source, name, listener, new ClientSink() { }, null);
    }

    EventPump(IntFunction<byte[]> source, String name, ConnectionListener listener, ClientSink sink,
            Executor executor) {
        this.source = source;
        this.name = name;
        this.listener = listener;
        this.sink = sink;
        this.tellRest = sink::messages;
        this.tellOver = sink::over;
        this.callbacks = new CallbackExecutor(executor, name);
    }

    static EventPump start(long handle, String name, String clientId, Options options, ClientSink sink) {
        EventPump pump = new EventPump(waitMillis -> Native.events(handle, sink.wantsMessages(), waitMillis), name + ", client " + clientId,
                options.connectionListener(), sink, options.executor());
        new ClientThreads().make(pump, "sinetstream-events-" + clientId).start();
        return pump;
    }

    /** Where callbacks run. */
    CallbackExecutor callbacks() {
        return callbacks;
    }

    /**
     * Waits until all news has been given, unless this thread is giving it; false when the time is up. Then what an
     * executor has not begun is given without it, within a second.
     */
    boolean awaitOver(long timeoutMillis) {
        if (callbacks.isWorkingHere()) {
            return true;
        }
        if (isOverIn(timeoutMillis)) {
            return true;
        }
        callbacks.abandon();
        return isOverIn(ABANDONED_MILLIS);
    }

    /** An interrupt ends the wait, and stays. */
    private boolean isOverIn(long timeoutMillis) {
        try {
            return over.await(timeoutMillis, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return over.getCount() == 0;
        }
    }

    /** The client is open: until then, its failure is told by an exception and is not worth another message. */
    void ready() {
        ready = true;
    }

    /**
     * Fetches what is left, so that the release of the handle, which comes next, loses none of it. Waits for a fetch that is
     * under way, also when it is interrupted: that takes no longer than {@link #WAIT_MILLIS}. Does not throw.
     */
    void finish() {
        fetching.lock();
        try {
            finished = true;
            rest = source.apply(0);
        } catch (SinetStreamException e) {
            // nothing is left
        } catch (OutOfMemoryError e) {
            // what is left is unknown, as the promises will say
        } finally {
            fetching.unlock();
        }
    }

    @Override
    public void run() {
        try {
            while (!ended && pump()) {
                // go on
            }
        } catch (SinetStreamIOException e) {
            // the handle is released
        } catch (SinetStreamException e) {
            EngineClient.LOGGER.log(Level.SEVERE, name + ": changes of the connection are no longer told", e);
            return;
        } finally {
            try {
                give(tellOver);
            } finally {
                over.countDown();
            }
        }
        if (!ended) {
            deliver(ConnectionEvent.closed());
        }
    }

    /** Delivers the next events; false when there will be no more. */
    private boolean pump() {
        boolean last;
        fetching.lock();
        try {
            last = finished;
            fetched = last ? rest : source.apply(WAIT_MILLIS);
        } catch (OutOfMemoryError e) {
            // the library still has what there was
            last = false;
            noMemory = true;
        } finally {
            fetching.unlock();
        }
        if (noMemory) {
            pause();
        } else if (fetched != null) {
            events = null;
            give(tell);
        }
        if (sink.hasRest()) {
            give(tellRest);
        }
        return !last;
    }

    /** Has it done where callbacks run. */
    private void give(Runnable news) {
        while (true) {
            noMemory = false;
            try {
                callbacks.run(() -> {
                    try {
                        news.run();
                    } catch (OutOfMemoryError e) {
                        noMemory = true;
                    }
                });
            } catch (OutOfMemoryError e) {
                noMemory = true;
            }
            if (!noMemory) {
                return;
            }
            pause();
        }
    }

    private void pause() {
        noMemory = false;
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(NO_MEMORY_MILLIS));
    }

    /** Tells what was fetched, or what is left of it. */
    private void tell() {
        if (events == null) {
            events = new PackedEvents(fetched, sink);
        }
        while (!ended && events.hasNext()) {
            try {
                ConnectionEvent event = events.next();
                if (event != null) {
                    deliver(event);
                }
            } catch (OutOfMemoryError e) {
                events.again();
                throw e;
            }
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
            EngineClient.LOGGER.log(Level.WARNING, name + ": the connection listener failed on " + type, e);
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
        EngineClient.LOGGER.log(level, name + ": " + what);
    }
}
