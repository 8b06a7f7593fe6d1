package jp.ad.sinet.stream.api;

import java.util.List;
import java.util.concurrent.Flow;
import java.util.function.Consumer;

import org.jspecify.annotations.Nullable;

/**
 * Receives messages by callbacks, in the order of the broker, one after the other on a daemon thread of the library's or
 * on the executor that the builder was given. A callback that is slow holds up the following messages only, which stay
 * with the broker; one that throws is logged and harms nobody else. A callback may use every client, close this one too.
 *
 * <p>A message is acknowledged when its last callback has returned or thrown. With {@code acknowledge: processed} it is
 * acknowledged only if all callbacks have returned: when one throws, the message comes again with the next connection, or to the next
 * reader with the session, or after {@code processed_tries} calls of that callback it is acknowledged all the same. What arrives before the first callback
 * waits for it. A reader with callbacks is in use: it is not collected as garbage, must be closed, and until then, or until it has
 * failed for good, the JVM stays, unless the builder was given {@code daemon(true)}.
 *
 * @param <T> the type of the values
 */
public interface AsyncMessageReader<T> extends MessageIO {
    /**
     * Adds a callback for messages, and none for failures.
     *
     * @param onMessage is given each message
     */
    default void addOnMessageCallback(Consumer<Message<T>> onMessage) {
        addOnMessageCallback(onMessage, null);
    }

    /**
     * Adds a pair of callbacks. A pair that is there already is not added again.
     *
     * @param onMessage is given each message
     * @param onFailure is given the exception of each message that cannot be decoded, after which the reader goes on, and
     *        the one that ended the reader when its connection is lost for good; may be null
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
     * Removes a pair of callbacks; a message that is being handed over may still reach it.
     *
     * @param onMessage the first of the pair
     * @param onFailure the second
     */
    void removeOnMessageCallback(Consumer<Message<T>> onMessage, @Nullable Consumer<Throwable> onFailure);

    /** Removes all callbacks. Messages wait again until there is one. */
    void clearOnMessageCallback();

    /**
     * Tells the broker that a message of this reader has been processed; see {@link MessageReader#acknowledge}. With
     * {@code acknowledge: manual} this is how messages are acknowledged that a callback has given to another thread; with
     * {@code acknowledge: processed} their callbacks do so by returning.
     *
     * @param message a message that a callback of this reader was given
     * @throws IllegalArgumentException when the message is another reader's
     */
    default void acknowledge(Message<T> message) {
    }

    /**
     * The messages for programs of Reactive Streams. A subscriber hears each message that comes while it is subscribed, and no more than it has
     * requested: the others wait with the broker. With several subscribers, and callbacks beside them, each message goes to all, and
     * waits until all have requested one. A message is acknowledged when {@code onNext} has returned, as when a callback has; a subscriber that gives
     * messages to other threads has {@code acknowledge: manual} and calls {@link #acknowledge}. {@code onNext} that throws ends the subscription,
     * and with {@code acknowledge: processed} or {@code manual} the message comes again.
     *
     * <p>{@code onComplete} is called when the reader is closed, {@code onError} when it has ended by itself, as for a login that is
     * refused. A message that can't be decoded is left out, with a warning. Signals come where callbacks run.
     *
     * @return a publisher, whose subscribers come and go as they like
     * @throws UnsupportedOperationException when an implementation has none; those of this library have
     */
    default Flow.Publisher<Message<T>> publisher() {
        throw new UnsupportedOperationException("this reader has no publisher");
    }

    /**
     * The topics of the subscription.
     *
     * @return a list that cannot be modified
     */
    List<String> getTopics();

    /**
     * The deserializer in use.
     *
     * @return the deserializer
     */
    Deserializer<T> getDeserializer();
}
