package jp.ad.sinet.stream.engine.client;

import java.util.concurrent.Flow;
import java.util.function.Consumer;

import jp.ad.sinet.stream.api.AsyncMessageReader;
import jp.ad.sinet.stream.api.Deserializer;
import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.engine.boundary.Configured;
import jp.ad.sinet.stream.engine.boundary.Native;
import jp.ad.sinet.stream.engine.boundary.Packed;

/**
 * The asynchronous reader over the native engine.
 *
 * @param <T> the type of the values
 */
public final class NativeAsyncMessageReader<T> extends EngineReader<T> implements AsyncMessageReader<T> {
    private final Deserializer<T> deserializer;
    private final MessageCallbacks<T> callbacks;

    private NativeAsyncMessageReader(Opened<Deserializer<T>> opened, MessageCallbacks<T> callbacks) {
        super(opened);
        this.deserializer = opened.codec;
        this.callbacks = callbacks;
        callbacks.begin(new Received<>(handle, new Deserializing<>(deserializer, handle), acknowledgements), opened.pump, stay);
    }

    /**
     * Opens a reader. Blocks until it is connected and subscribed.
     *
     * @param configured the configuration of the reader
     * @param deserializer the deserializer
     * @param <T> the type of the values
     * @return the reader
     */
    public static <T> AsyncMessageReader<T> open(Configured configured, Deserializer<T> deserializer) {
        MessageCallbacks<T> callbacks = new MessageCallbacks<>();
        return open(configured, deserializer, callbacks, (Opened<Deserializer<T>> opened) ->
                new NativeAsyncMessageReader<>(opened, callbacks));
    }

    @Override
    public Deserializer<T> getDeserializer() {
        return deserializer;
    }

    @Override
    public void addOnMessageCallback(Consumer<Message<T>> onMessage, Consumer<Throwable> onFailure) {
        callbacks.add(onMessage, onFailure, this);
    }

    @Override
    public void removeOnMessageCallback(Consumer<Message<T>> onMessage, Consumer<Throwable> onFailure) {
        callbacks.remove(onMessage, onFailure);
    }

    @Override
    public void clearOnMessageCallback() {
        callbacks.clear();
    }

    @Override
    public Flow.Publisher<Message<T>> publisher() {
        return subscriber -> callbacks.subscribe(subscriber, this);
    }

    @Override
    void beforeClose() {
        callbacks.close();
    }

    /** The messages that the engine has received; those that are fetched together wait here. */
    private static final class Received<T> implements MessageSource<T> {
        private final long handle;
        private final Deserializing<T> deserializing;
        private final Acknowledgements acknowledgements;
        private final Packed batch = new Packed();
        private volatile boolean rest;

        Received(long handle, Deserializing<T> deserializing, Acknowledgements acknowledgements) {
            this.handle = handle;
            this.deserializing = deserializing;
            this.acknowledgements = acknowledgements;
        }

        @Override
        public boolean hasRest() {
            return rest;
        }

        @Override
        public boolean next(long wanted) {
            while (rest || fetch(wanted)) {
                rest = true; // also when memory is lacking for the next step
                rest = batch.next();
                if (rest) {
                    return true;
                }
            }
            return false;
        }

        private boolean fetch(long wanted) {
            try {
                return batch.fetch(handle, wanted, Native.LOOK);
            } catch (SinetStreamException e) {
                return false; // the reader has ended, which is reported separately
            }
        }

        @Override
        public Message<T> message() {
            return deserializing.message(batch, acknowledgements.receipt(batch.seq()));
        }

        @Override
        public int tries() {
            return acknowledgements.tries();
        }

        @Override
        public void skipped() {
            acknowledgements.skipped(batch.seq());
        }

        @Override
        public void calledBack(boolean processed) {
            acknowledgements.calledBack(batch.seq(), processed);
        }
    }
}
