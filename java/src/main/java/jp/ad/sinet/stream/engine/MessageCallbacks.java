package jp.ad.sinet.stream.engine;

import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.logging.Level;

import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.SinetStreamException;

/** The callbacks of an asynchronous reader, and the way of messages to them. */
final class MessageCallbacks<T> implements ClientSink {
    private final List<Pair<T>> pairs = new CopyOnWriteArrayList<>();
    private final Packed batch = new Packed();
    /** What is fetched has a rest, for the next callback. */
    private boolean rest;
    private volatile Deserializing<T> deserializing;
    private volatile long handle;
    private volatile boolean closed;
    /** Keeps a reader with callbacks from being collected as garbage. */
    @SuppressWarnings("unused")
    private volatile Object owner;
    private SinetStreamException end;

    /** The reader is open. */
    void begin(long ofHandle, Deserializing<T> values) {
        handle = ofHandle;
        deserializing = values;
    }

    void close() {
        closed = true;
        owner = null;
    }

    void add(Consumer<Message<T>> onMessage, Consumer<Throwable> onFailure, Object reader) {
        Pair<T> pair = new Pair<>(onMessage, onFailure);
        synchronized (pairs) {
            if (!pairs.contains(pair)) {
                pairs.add(pair);
            }
        }
        owner = closed ? null : reader;
        try {
            Native.nudge(handle); // the pump may wait for other news only
        } catch (SinetStreamException e) {
            // closed meanwhile
        }
    }

    void remove(Consumer<Message<T>> onMessage, Consumer<Throwable> onFailure) {
        pairs.remove(new Pair<>(onMessage, onFailure));
        release();
    }

    void clear() {
        pairs.clear();
        release();
    }

    private void release() {
        if (pairs.isEmpty()) {
            owner = null;
        }
    }

    @Override
    public boolean wantsMessages() {
        return !closed && deserializing != null && !pairs.isEmpty();
    }

    @Override
    public void messages() {
        while (wantsMessages()) {
            if (!rest && !fetch()) {
                return;
            }
            rest = true;
            while (wantsMessages() && (rest = batch.next())) {
                handOver();
            }
        }
    }

    private boolean fetch() {
        try {
            return batch.fetch(handle, 0);
        } catch (SinetStreamException e) {
            return false; // the end, which is told apart
        }
    }

    private void handOver() {
        try {
            Message<T> message = deserializing.message(batch);
            for (Pair<T> pair : pairs) {
                run(() -> pair.onMessage.accept(message));
            }
        } catch (SinetStreamException failure) {
            fail(failure);
        } finally {
            taken(batch.seq());
        }
    }

    private void taken(long number) {
        try {
            Native.taken(handle, number);
        } catch (SinetStreamException e) {
            // closed meanwhile
        }
    }

    private void fail(SinetStreamException failure) {
        for (Pair<T> pair : pairs) {
            if (pair.onFailure != null) {
                run(() -> pair.onFailure.accept(failure));
            }
        }
    }

    private static void run(Runnable callback) {
        try {
            callback.run();
        } catch (Throwable e) {
            EngineClient.LOGGER.log(Level.WARNING, "a callback of a reader failed", e);
        }
        Thread.interrupted(); // an interrupt is the callback's own affair
    }

    @Override
    public void ended(SinetStreamException cause) {
        if (end != null) {
            return;
        }
        end = cause;
        if (!closed) {
            messages(); // what is still there
            fail(cause);
        }
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
