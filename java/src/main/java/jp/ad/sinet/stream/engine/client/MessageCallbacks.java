package jp.ad.sinet.stream.engine.client;

import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.logging.Level;

import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.engine.boundary.ClientSink;
import jp.ad.sinet.stream.engine.jvm.ClientThreads;
import jp.ad.sinet.stream.engine.jvm.Log;

/** The callbacks of an asynchronous reader, and the way of messages to them. */
public final class MessageCallbacks<T> implements ClientSink {
    private final List<Pair<T>> pairs = new CopyOnWriteArrayList<>();
    private volatile MessageSource<T> source;
    private volatile boolean closed;
    /** Keeps a reader with callbacks from being collected as garbage. */
    @SuppressWarnings("unused")
    private volatile Object owner;
    /** Why the reader has ended by itself, if it has; guarded by the pairs. */
    private SinetStreamException end;
    /** Those that are still to be told of that end; only used where news is given, one at a time. */
    private Iterator<Pair<T>> toTell;
    /** Whether the callbacks have been told of that end; guarded by the pairs. */
    private boolean toldEnd;
    private EventPump pump;
    /** Guarded by the pairs; null until the reader is open, which it may never be. */
    private Stay stay;

    /** The reader is open. */
    public void begin(MessageSource<T> messages, EventPump ofClient, Stay ofReader) {
        pump = ofClient;
        synchronized (pairs) {
            stay = ofReader;
        }
        source = messages;
    }

    public void close() {
        closed = true;
        owner = null;
        stayOrGo(null);
    }

    /** The JVM stays while there are callbacks that may get something. {@code reader}: null if it does not begin to stay now. */
    private void stayOrGo(Object reader) {
        synchronized (pairs) {
            if (stay == null) {
                return;
            } else if (pairs.isEmpty() || closed || toldEnd) {
                stay.untilIdle();
            } else if (reader != null) {
                stay.begin(reader);
            }
        }
    }

    /** False: they were there. */
    public boolean add(Consumer<Message<T>> onMessage, Consumer<Throwable> onFailure, Object reader) {
        Pair<T> pair = new Pair<>(onMessage, onFailure);
        SinetStreamException over;
        boolean isNew;
        synchronized (pairs) {
            isNew = !pairs.contains(pair);
            if (isNew) {
                pairs.add(pair);
            }
            over = isNew ? end : null;
        }
        owner = closed ? null : reader;
        stayOrGo(reader);
        if (over != null) {
            Iterator<Pair<T>> told = List.of(pair).iterator();
            Runnable telling = () -> finish(told, over);
            pump.callbacks().submit(() -> EventPump.persist(telling));
        } else {
            pump.news(); // it may have waited for other news only, or not have been told for want of memory
        }
        return isNew;
    }

    public void remove(Consumer<Message<T>> onMessage, Consumer<Throwable> onFailure) {
        pairs.remove(new Pair<>(onMessage, onFailure));
        release();
    }

    public void clear() {
        pairs.clear();
        release();
    }

    private void release() {
        if (pairs.isEmpty()) {
            owner = null;
        }
        stayOrGo(null);
    }

    @Override
    public boolean wantsMessages() {
        return !closed && source != null && !pairs.isEmpty();
    }

    @Override
    public boolean hasRest() {
        return wantsMessages() && source.hasRest();
    }

    @Override
    public void messages() {
        messages(false);
    }

    /** All that there are, or as many as there is time for; the others are a rest. */
    private void messages(boolean all) {
        Iterator<Pair<T>> listeners;
        boolean hasTime = true;
        // Who listens before a message is taken hears it, also when callbacks are taken away meanwhile.
        while (hasTime && wantsMessages() && (listeners = pairs.iterator()).hasNext() && source.next()) {
            handOver(listeners);
            hasTime = all || !pump.callbacks().isToGiveWay();
        }
    }

    private void handOver(Iterator<Pair<T>> listeners) {
        Message<T> message = null;
        boolean processed = false;
        try {
            message = source.message();
            processed = true;
            while (listeners.hasNext()) {
                processed &= process(listeners.next().onMessage, message);
            }
        } catch (Throwable failure) { // a deserializer can throw anything, and the next message is another one
            processed = false;
            fail(listeners, failure);
        } finally {
            if (message == null) {
                source.skipped();
            } else {
                source.calledBack(processed);
            }
        }
    }

    /** Gives a message to a callback, again if it throws, as often as is configured; false: it has not been processed. */
    private boolean process(Consumer<Message<T>> callback, Message<T> message) {
        int tries = source.tries();
        for (int times = 1; !call(callback, message); times++) {
            if (tries == 0 || closed) {
                return false;
            } else if (times >= tries) {
                log("a message was given to a callback " + times + " times, and is acknowledged although it was not processed", null);
                return true;
            }
        }
        return true;
    }

    /** Needs no memory of its own. Who has heard of it is not among the rest, whatever happens then. */
    private void fail(Iterator<Pair<T>> listeners, Throwable failure) {
        while (listeners.hasNext()) {
            Consumer<Throwable> onFailure = listeners.next().onFailure;
            if (onFailure != null) {
                call(onFailure, failure);
            }
        }
    }

    /** False when it throws. */
    private static <V> boolean call(Consumer<V> callback, V value) {
        boolean returned = false;
        try {
            callback.accept(value);
            returned = true;
        } catch (Throwable e) {
            log("a callback of a reader failed", e);
        }
        Thread.interrupted(); // an interrupt is the callback's own affair
        ClientThreads.restoreLoader();
        return returned;
    }

    private static void log(String what, Throwable why) {
        try {
            Log.LOGGER.log(Level.WARNING, what, why);
        } catch (OutOfMemoryError e) {
            // There is no memory to say so, and the others are still to be told.
        }
    }

    /** When there is no memory for it, this is called again, and goes on where it has stopped. */
    @Override
    public void ended(SinetStreamException cause) {
        synchronized (pairs) {
            if (toldEnd) {
                return;
            }
            if (end == null) {
                toTell = pairs.iterator();
                end = cause;
            }
        }
        finish(toTell, end);
        synchronized (pairs) {
            toldEnd = true;
        }
        stayOrGo(null);
    }

    /** Gives what is still there, and then the end. */
    private void finish(Iterator<Pair<T>> told, SinetStreamException cause) {
        if (closed) {
            return;
        }
        try {
            messages(true);
        } catch (OutOfMemoryError e) {
            throw e; // they are given when there is some
        } catch (Throwable e) { // the end is to be told all the same
            log("the last messages of a reader could not be given to its callbacks", e);
        }
        fail(told, cause);
    }

    /** Callbacks that belong together. */
    private static final class Pair<T> {
        private final Consumer<Message<T>> onMessage;
        private final Consumer<Throwable> onFailure;

        Pair(Consumer<Message<T>> onMessage, Consumer<Throwable> onFailure) {
            this.onMessage = Objects.requireNonNull(onMessage, "onMessage");
            this.onFailure = onFailure;
        }

        @Override
        public boolean equals(Object other) {
            return other instanceof Pair && onMessage.equals(((Pair<?>) other).onMessage)
                    && Objects.equals(onFailure, ((Pair<?>) other).onFailure);
        }

        @Override
        public int hashCode() {
            return Objects.hash(onMessage, onFailure);
        }
    }
}
