package jp.ad.sinet.stream.engine.client;

import java.util.Objects;
import java.util.function.Consumer;

import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.SinetStreamException;

/** The callbacks of a program for messages and for failures. */
final class CallbackPair<T> implements MessageListener<T> {
    private final Consumer<Message<T>> onMessage;
    private final Consumer<Throwable> onFailure;

    /** {@code onFailure} may be null. */
    CallbackPair(Consumer<Message<T>> onMessage, Consumer<Throwable> onFailure) {
        this.onMessage = Objects.requireNonNull(onMessage, "onMessage");
        this.onFailure = onFailure;
    }

    @Override
    public void message(Message<T> message) {
        onMessage.accept(message);
    }

    @Override
    public void failed(Throwable failure) {
        if (onFailure != null) {
            onFailure.accept(failure);
        }
    }

    @Override
    public void ended(SinetStreamException cause) {
        failed(cause);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof CallbackPair && onMessage.equals(((CallbackPair<?>) other).onMessage)
                && Objects.equals(onFailure, ((CallbackPair<?>) other).onFailure);
    }

    @Override
    public int hashCode() {
        return Objects.hash(onMessage, onFailure);
    }
}
