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

/** The listeners of an asynchronous reader, callbacks and subscribers, and the delivery of messages to them. */
public final class MessageCallbacks<T> implements ClientSink {
    private final Object lock = new Object();
    /** An immutable list, so that a message goes to those listeners whose demand was examined; replaced under the lock. */
    private volatile List<MessageListener<T>> listeners = List.of();
    /** The delivery of a message, allocated early because memory may be lacking later. */
    private final BiConsumer<MessageListener<T>, Message<T>> given = MessageListener::message;
    private final BiConsumer<MessageListener<T>, Throwable> failed = MessageListener::failed;
    private final BiConsumer<MessageListener<T>, SinetStreamException> ended = MessageListener::ended;
    private final BiConsumer<MessageListener<T>, Void> left = (listener, nothing) -> listener.closed();
    private volatile MessageSource<T> source;
    private volatile boolean closed;
    /** Keeps a reader that has listeners from being garbage collected. */
    @SuppressWarnings("unused")
    private volatile Object owner;
    /** Why the reader has failed, if it has; guarded by the lock. */
    private SinetStreamException end;
    /** The listeners that are still to be told of the failure; used only by the pump, one call at a time. */
    private Iterator<MessageListener<T>> toTell;
    /** Whether the listeners have been told of the failure; guarded by the lock. */
    private boolean toldEnd;
    /** Whether the listeners have been told that nothing follows; guarded by the lock. */
    private boolean toldOver;
    private EventPump pump;
    /** Null until the reader is open, which may never happen; guarded by the lock. */
    private Stay stay;

    /** Called when the reader is open. */
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

    /**
     * Keeps the JVM running while there are listeners that may get something. {@code reader} is null if this must not begin
     * now.
     */
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

    /** Adds callbacks. Returns false if they were added before. */
    public boolean add(Consumer<Message<T>> onMessage, Consumer<Throwable> onFailure, Object reader) {
        return add(new CallbackPair<>(onMessage, onFailure), reader);
    }

    /**
     * Adds a subscriber, whose {@code onSubscribe} is called before this returns; all other signals are sent where callbacks
     * run.
     */
    public MessageSubscription<T> subscribe(Flow.Subscriber<? super Message<T>> subscriber, Object reader) {
        Objects.requireNonNull(subscriber, "subscriber");
        MessageSubscription<T> subscription = new MessageSubscription<>(this, subscriber);
        try {
            subscriber.onSubscribe(subscription);
        } catch (Throwable e) { // rule 1.9: subscribe must return normally
            subscription.cancel();
            log("a subscriber failed in onSubscribe", e);
        }
        if (subscription.begin()) {
            add(subscription, reader);
            if (subscription.isOver()) {
                remove(subscription); // It was cancelled while it was added.
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
            news(); // the pump may have ignored messages so far, or have missed an event for want of memory
        }
        return isNew;
    }

    /** Tells the pump that there may be messages that a listener wants. */
    void news() {
        pump.news();
    }

    /** Runs a task where callbacks run. */
    void submit(Runnable task) {
        pump.callbacks().submit(task);
    }

    public void remove(Consumer<Message<T>> onMessage, Consumer<Throwable> onFailure) {
        remove(new CallbackPair<>(onMessage, onFailure));
    }

    /** Removes a listener, so that the others no longer wait for its demand. */
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

    /** Removes the callbacks; subscribers cancel their subscriptions themselves. */
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

    /** Tells whether there are listeners, even if none demands a message at present. */
    public boolean isHeard() {
        return !closed && source != null && !listeners.isEmpty();
    }

    @Override
    public boolean wantsMessages() {
        return demand(listeners) > 0;
    }

    /** Returns how many messages may be given to all of these listeners. */
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

    /**
     * Delivers all messages that are present and demanded, or as many as the turn's time allows; the others remain as a rest.
     */
    private void messages(boolean all) {
        List<MessageListener<T>> those;
        long demand;
        boolean hasTime = true;
        // A message goes to all listeners that were there before it was fetched, also when some are removed meanwhile.
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
        } catch (Throwable failure) { // a deserializer can throw anything, and the next message may be decodable
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

    /**
     * Delivers a message to a listener; if it throws, again up to the configured number of tries. Returns false if the
     * message was not processed.
     */
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

    /**
     * Calls the remaining listeners without allocating memory. A listener that was called is no longer among the remaining
     * ones, whatever happens next.
     */
    private <V> void tell(BiConsumer<MessageListener<T>, V> what, Iterator<MessageListener<T>> those, V value) {
        while (those.hasNext()) {
            call(what, those.next(), value);
        }
    }

    /** Calls a listener. Returns false if it throws. */
    private static <L, V> boolean call(BiConsumer<L, V> what, L listener, V value) {
        boolean returned = false;
        try {
            what.accept(listener, value);
            returned = true;
        } catch (Throwable e) {
            log("a callback of a reader failed", e);
        }
        Thread.interrupted(); // an interrupt was meant for the callback, and must not reach the next one
        ClientThreads.restoreLoader();
        return returned;
    }

    private static void log(String what, Throwable why) {
        try {
            Log.LOGGER.log(Level.WARNING, what, why);
        } catch (OutOfMemoryError e) {
            // The memory for a log entry is lacking, and the other listeners are still to be called.
        }
    }

    /** Reports the failure of the reader. When memory is lacking, this is called again and continues where it has stopped. */
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

    /** Delivers the remaining messages, and then reports the end. */
    private void finish(Iterator<MessageListener<T>> told, SinetStreamException cause) {
        if (closed) {
            tell(left, told, null);
            return;
        }
        try {
            messages(true);
        } catch (OutOfMemoryError e) {
            throw e; // The messages are delivered when there is memory again.
        } catch (Throwable e) { // the end must be reported all the same
            log("the last messages of a reader could not be given to its callbacks", e);
        }
        tell(ended, told, cause);
    }

    /** Called when the reader is closed, or when it has failed and the listeners know. */
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
