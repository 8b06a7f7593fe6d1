package jp.ad.sinet.stream.engine.client;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Flow;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import java.util.logging.Level;

import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.engine.boundary.ClientSink;
import jp.ad.sinet.stream.engine.jvm.ClientThreads;
import jp.ad.sinet.stream.engine.jvm.Log;

/** The listeners of an asynchronous reader, callbacks and subscribers, and the way of messages to them. */
public final class MessageCallbacks<T> implements ClientSink {
    private final Object lock = new Object();
    /** Never changed itself, so that who has looked at it gives a message to those whose demand it knows; replaced under the lock. */
    private volatile List<MessageListener<T>> listeners = List.of();
    /** What a listener is told; made before there may be no memory for it. */
    private final BiConsumer<MessageListener<T>, Message<T>> given = MessageListener::message;
    private final BiConsumer<MessageListener<T>, Throwable> failed = MessageListener::failed;
    private final BiConsumer<MessageListener<T>, SinetStreamException> ended = MessageListener::ended;
    private final BiConsumer<MessageListener<T>, Void> left = (listener, nothing) -> listener.closed();
    private volatile MessageSource<T> source;
    private volatile boolean closed;
    /** Keeps a reader with listeners from being collected as garbage. */
    @SuppressWarnings("unused")
    private volatile Object owner;
    /** Why the reader has ended by itself, if it has; guarded by the lock. */
    private SinetStreamException end;
    /** Those that are still to be told of that end; only used where news is given, one at a time. */
    private Iterator<MessageListener<T>> toTell;
    /** Whether the listeners have been told of that end; guarded by the lock. */
    private boolean toldEnd;
    /** Whether they have been told that nothing comes any more; guarded by the lock. */
    private boolean toldOver;
    private EventPump pump;
    /** Guarded by the lock; null until the reader is open, which it may never be. */
    private Stay stay;

    /** The reader is open. */
    public void begin(MessageSource<T> messages, EventPump ofClient, Stay ofReader) {
        pump = ofClient;
        synchronized (lock) {
            stay = ofReader;
        }
        source = messages;
    }

    public void close() {
        closed = true;
        owner = null;
        stayOrGo(null);
    }

    /** The JVM stays while there are listeners that may get something. {@code reader}: null if it does not begin to stay now. */
    private void stayOrGo(Object reader) {
        synchronized (lock) {
            if (stay == null) {
                return;
            } else if (listeners.isEmpty() || closed || toldEnd) {
                stay.untilIdle();
            } else if (reader != null) {
                stay.begin(reader);
            }
        }
    }

    /** False: they were there. */
    public boolean add(Consumer<Message<T>> onMessage, Consumer<Throwable> onFailure, Object reader) {
        return add(new CallbackPair<>(onMessage, onFailure), reader);
    }

    /** The subscriber is told of its subscription before this returns, and everything else where callbacks run. */
    public MessageSubscription<T> subscribe(Flow.Subscriber<? super Message<T>> subscriber, Object reader) {
        Objects.requireNonNull(subscriber, "subscriber");
        MessageSubscription<T> subscription = new MessageSubscription<>(this, subscriber);
        try {
            subscriber.onSubscribe(subscription);
        } catch (Throwable e) { // rule 1.9: a call of subscribe returns
            subscription.cancel();
            log("a subscriber failed when it was told of its subscription", e);
        }
        if (subscription.begin()) {
            add(subscription, reader);
            if (subscription.isOver()) {
                remove(subscription); // it was cancelled while it was added
            }
        }
        return subscription;
    }

    private boolean add(MessageListener<T> listener, Object reader) {
        SinetStreamException cause;
        boolean isNew;
        boolean isLate;
        synchronized (lock) {
            isNew = !listeners.contains(listener);
            if (isNew) {
                List<MessageListener<T>> more = new ArrayList<>(listeners);
                more.add(listener);
                listeners = List.copyOf(more);
            }
            cause = isNew ? end : null;
            isLate = isNew && end == null && toldOver;
        }
        owner = closed ? null : reader;
        stayOrGo(reader);
        if (cause != null) {
            Iterator<MessageListener<T>> told = List.of(listener).iterator();
            Runnable telling = () -> finish(told, cause);
            submit(() -> EventPump.persist(telling));
        } else if (isLate) {
            submit(listener::closed);
        } else {
            news(); // it may have waited for other news only, or not have been told for want of memory
        }
        return isNew;
    }

    /** There may be messages that somebody wants. */
    void news() {
        pump.news();
    }

    /** Does something where callbacks run. */
    void submit(Runnable task) {
        pump.callbacks().submit(task);
    }

    public void remove(Consumer<Message<T>> onMessage, Consumer<Throwable> onFailure) {
        remove(new CallbackPair<>(onMessage, onFailure));
    }

    /** The others do not wait for its demand any more. */
    void remove(MessageListener<T> listener) {
        synchronized (lock) {
            List<MessageListener<T>> fewer = new ArrayList<>(listeners);
            fewer.remove(listener);
            listeners = List.copyOf(fewer);
        }
        release();
        if (listener.demand() < Long.MAX_VALUE) {
            news();
        }
    }

    /** Takes the callbacks away; subscribers cancel themselves. */
    public void clear() {
        synchronized (lock) {
            List<MessageListener<T>> fewer = new ArrayList<>(listeners);
            fewer.removeIf(listener -> listener instanceof CallbackPair);
            listeners = List.copyOf(fewer);
        }
        release();
    }

    private void release() {
        if (listeners.isEmpty()) {
            owner = null;
        }
        stayOrGo(null);
    }

    /** Whether somebody listens, be it that he wants no message just now. */
    public boolean isHeard() {
        return !closed && source != null && !listeners.isEmpty();
    }

    @Override
    public boolean wantsMessages() {
        return demand(listeners) > 0;
    }

    /** How many messages may be given to all of these. */
    private long demand(List<MessageListener<T>> those) {
        if (closed || source == null || those.isEmpty()) {
            return 0;
        }
        long least = Long.MAX_VALUE;
        for (MessageListener<T> each : those) {
            least = Math.min(least, each.demand());
        }
        return least;
    }

    @Override
    public boolean hasRest() {
        return wantsMessages() && source.hasRest();
    }

    @Override
    public void messages() {
        messages(false);
    }

    /** All that there are and that are wanted, or as many as there is time for; the others are a rest. */
    private void messages(boolean all) {
        List<MessageListener<T>> those;
        long demand;
        boolean hasTime = true;
        // Who listens before a message is taken hears it, also when listeners are taken away meanwhile.
        while (hasTime && (demand = demand(those = listeners)) > 0 && source.next(demand)) {
            handOver(those.iterator());
            hasTime = all || !pump.callbacks().isToGiveWay();
        }
    }

    private void handOver(Iterator<MessageListener<T>> those) {
        Message<T> message = null;
        boolean processed = false;
        try {
            message = source.message();
            processed = true;
            while (those.hasNext()) {
                processed &= process(those.next(), message);
            }
        } catch (Throwable failure) { // a deserializer can throw anything, and the next message is another one
            processed = false;
            tell(failed, those, failure);
        } finally {
            if (message == null) {
                source.skipped();
            } else {
                source.calledBack(processed);
            }
        }
    }

    /** Gives a message to a listener, again if it throws, as often as is configured; false: it has not been processed. */
    private boolean process(MessageListener<T> listener, Message<T> message) {
        int tries = listener.isPatient() ? source.tries() : 0;
        for (int times = 1; !call(given, listener, message); times++) {
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
    private <V> void tell(BiConsumer<MessageListener<T>, V> what, Iterator<MessageListener<T>> those, V value) {
        while (those.hasNext()) {
            call(what, those.next(), value);
        }
    }

    /** False when it throws. */
    private static <L, V> boolean call(BiConsumer<L, V> what, L listener, V value) {
        boolean returned = false;
        try {
            what.accept(listener, value);
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
        synchronized (lock) {
            if (toldEnd) {
                return;
            }
            if (end == null) {
                toTell = listeners.iterator();
                end = cause;
            }
        }
        finish(toTell, end);
        synchronized (lock) {
            toldEnd = true;
        }
        stayOrGo(null);
    }

    /** Gives what is still there, and then the end. */
    private void finish(Iterator<MessageListener<T>> told, SinetStreamException cause) {
        if (closed) {
            tell(left, told, null);
            return;
        }
        try {
            messages(true);
        } catch (OutOfMemoryError e) {
            throw e; // they are given when there is some
        } catch (Throwable e) { // the end is to be told all the same
            log("the last messages of a reader could not be given to its callbacks", e);
        }
        tell(ended, told, cause);
    }

    /** The reader is closed, or has ended, of which they have been told. */
    @Override
    public void over() {
        List<MessageListener<T>> those;
        synchronized (lock) {
            toldOver = true;
            those = end == null ? listeners : List.of();
        }
        tell(left, those.iterator(), null);
    }
}
