package jp.ad.sinet.stream.api;

import java.util.List;
import java.util.concurrent.Flow;
import java.util.function.Consumer;

import org.jspecify.annotations.Nullable;

/**
 * Receives messages by callbacks, one after the other in the order of the broker, on a daemon thread of the library or on the
 * executor that the builder was given. A slow callback delays only the messages of this reader, which stay with the broker
 * meanwhile. An exception that a callback throws is logged and affects no other callback. A callback may use every client,
 * and may close this reader.
 *
 * <p>A message is acknowledged when its last callback has returned or thrown. With {@code acknowledge: processed} it is
 * acknowledged only if all callbacks have returned: when one throws, the broker sends the message again on the next
 * connection, or to the next reader that takes over the session; after {@code processed_tries} calls of that callback the
 * message is acknowledged all the same. Messages that arrive before the first callback is added wait for it. A reader with
 * callbacks is not garbage collected and must be closed; until it is closed or has failed for good it keeps the JVM running,
 * unless the builder was given {@code daemon(true)}.
 *
 * @param <T> the type of the values
 */
public interface AsyncMessageReader<T> extends MessageIO {
    /**
     * Adds a callback for messages, without one for failures.
     *
     * @param onMessage receives each message
     */
    default void addOnMessageCallback(Consumer<Message<T>> onMessage) {
        addOnMessageCallback(onMessage, null);
    }

    /**
     * Adds a pair of callbacks. A pair that was added before is not added again.
     *
     * @param onMessage receives each message
     * @param onFailure receives the exception of each message that cannot be decoded, after which the reader goes on, and the
     *        exception that ended the reader when its connection is lost for good; may be null
     */
    void addOnMessageCallback(Consumer<Message<T>> onMessage, @Nullable Consumer<Throwable> onFailure);

    /**
     * Removes a callback that was added without one for failures.
     *
     * @param onMessage the callback
     */
    default void removeOnMessageCallback(Consumer<Message<T>> onMessage) {
        removeOnMessageCallback(onMessage, null);
    }

    /**
     * Removes a pair of callbacks. A message that is being delivered may still reach it.
     *
     * @param onMessage the callback for messages of the pair
     * @param onFailure the callback for failures of the pair
     */
    void removeOnMessageCallback(Consumer<Message<T>> onMessage, @Nullable Consumer<Throwable> onFailure);

    /** Removes all callbacks. Messages wait until a callback is added again. */
    void clearOnMessageCallback();

    /**
     * Tells the reader that a message has been processed, so that it sends the acknowledgement to the broker; see
     * {@link MessageReader#acknowledge}. With {@code acknowledge: manual} a program calls this for each message, for instance
     * from the thread that a callback has given the message to. With {@code acknowledge: processed} the return of the
     * callbacks does it.
     *
     * @param message a message that a callback of this reader received
     * @throws IllegalArgumentException when the message belongs to another reader
     */
    default void acknowledge(Message<T> message) {
    }

    /**
     * Returns the messages as a publisher for programs that use Reactive Streams. A subscriber receives the messages that
     * arrive while it is subscribed, as many as it has requested; the others wait at the broker. With several subscribers, or
     * callbacks beside them, each message goes to all of them, and waits until every subscriber has requested one. A message
     * is acknowledged when {@code onNext} has returned, as it is when a callback has; a subscriber that gives messages to
     * other threads needs {@code acknowledge: manual} and calls {@link #acknowledge}. If {@code onNext} throws, the
     * subscription ends, and with {@code acknowledge: processed} or {@code manual} the broker sends the message again.
     *
     * <p>{@code onComplete} is called when the reader is closed, {@code onError} when it has ended by itself, for instance
     * because the broker refused a login. A message that cannot be decoded is skipped with a warning. Signals arrive where
     * callbacks run.
     *
     * @return a publisher, which subscribers may join and leave at any time
     * @throws UnsupportedOperationException when an implementation has no publisher; the readers of this library have one
     */
    default Flow.Publisher<Message<T>> publisher() {
        throw new UnsupportedOperationException("this reader has no publisher");
    }

    /**
     * Returns the topics of the subscription.
     *
     * @return a list that cannot be modified
     */
    List<String> getTopics();

    /**
     * Returns the deserializer in use.
     *
     * @return the deserializer
     */
    Deserializer<T> getDeserializer();
}
