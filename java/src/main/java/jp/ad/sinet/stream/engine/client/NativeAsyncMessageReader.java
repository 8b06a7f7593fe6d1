package jp.ad.sinet.stream.engine.client;

import java.util.List;
import java.util.function.Consumer;

import jp.ad.sinet.stream.api.AsyncMessageReader;
import jp.ad.sinet.stream.api.Deserializer;
import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.engine.boundary.Configured;

/**
 * The asynchronous reader over the native engine.
 *
 * @param <T> the type of the values
 */
public final class NativeAsyncMessageReader<T> extends EngineClient implements AsyncMessageReader<T> {
    private final Deserializer<T> deserializer;
    private final MessageCallbacks<T> callbacks;

    private NativeAsyncMessageReader(Opened<Deserializer<T>> opened, MessageCallbacks<T> callbacks) {
        super(opened);
        this.deserializer = opened.codec;
        this.callbacks = callbacks;
        callbacks.begin(handle, new Deserializing<>(deserializer, handle), opened.pump);
    }

    /**
     * Opens a reader. Blocks until it is connected and subscribed.
     *
     * @param configured what is opened
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
    public String getTopic() {
        return String.join(",", description.topics);
    }

    @Override
    public List<String> getTopics() {
        return description.topics;
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
    void beforeClose() {
        callbacks.close();
    }
}
