package jp.ad.sinet.stream.api;

import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;

/**
 * Receives messages, and waits for each. Several threads may read; each message goes to one of them.
 *
 * <p>A message at QoS 1 or 2 is acknowledged to the broker when {@link #read} returns it, or, with {@code acknowledge:
 * processed}, when {@link #acknowledge} is called for it.
 *
 * @param <T> the type of the values
 */
public interface MessageReader<T> extends MessageIO {
    /**
     * Receives a message. Blocks until there is one, at most for the receive timeout. The message is acknowledged to the
     * broker when this method returns it, unless the reader has {@code acknowledge: processed}, or when this method throws
     * because the message cannot be decoded. While the connection is lost, this method waits as it does for a message.
     *
     * @return the message; null when none came within the receive timeout
     * @throws InvalidMessageException when a message cannot be decoded; the next call goes on with the following message
     * @throws OutOfMemoryError when the JVM lacks the memory for a message, which may be valid; the next call goes on with
     *        the following message
     * @throws AuthenticationException when the broker refused the credentials at a reconnect, which ends the reader
     * @throws SinetStreamIOException when the connection is lost for good; when the thread is interrupted (its
     *         interrupt flag is set again); when the reader is closed
     */
    @Nullable Message<T> read();

    /**
     * Receives several messages at a time: waits for the first, and returns it with all others that have already arrived. If
     * one of them cannot be decoded, the messages before it are returned, and the next call of this method or of
     * {@link #read()} throws the exception.
     *
     * @param max the largest number of messages to return, at least 1
     * @param timeout how long to wait for the first message, instead of the receive timeout. The reader of a plugin waits as
     *        long as the plugin does, and returns one message at a time
     * @return the messages; empty when none came within the timeout
     * @throws UnsupportedOperationException when an implementation has no such method; the readers of this library have it
     */
    default List<Message<T>> readMany(int max, Duration timeout) {
        throw new UnsupportedOperationException("several messages at a time");
    }

    /**
     * Tells the reader that a message has been processed, so that the broker need not send it again. Returns at once, on any
     * thread. MQTT demands acknowledgements in the order of the messages, so this one is sent after those of all earlier
     * messages; while the connection is lost it waits.
     *
     * <p>This concerns only messages at QoS 1 and 2 of a reader with {@code acknowledge: processed}; unless it is called, the
     * broker sends such a message again to the next reader that takes over the session. The call does nothing for other
     * messages, when it is repeated, after a close, and when the broker has lost the session. The readers of plugins
     * acknowledge by the rules of their messaging systems, and do nothing here.
     *
     * @param message a message that this reader has returned
     * @throws IllegalArgumentException when the message belongs to another reader
     */
    default void acknowledge(Message<T> message) {
    }

    /**
     * Returns the messages from now on as a lazy sequential stream, which calls {@link #read} and ends at the first receive
     * timeout. Closing the stream does not close the reader.
     *
     * @return the stream
     */
    Stream<Message<T>> stream();

    /**
     * Returns the topics of the subscription.
     *
     * @return a list that cannot be modified
     */
    List<String> getTopics();

    /**
     * Returns how long {@link #read} waits.
     *
     * @return the timeout; {@code Duration.ofNanos(Long.MAX_VALUE)} when there is no limit
     */
    Duration getReceiveTimeout();

    /**
     * Returns the deserializer in use.
     *
     * @return the deserializer
     */
    Deserializer<T> getDeserializer();

    /**
     * Puts a message in front of those that arrive from the broker, for tests: the next {@link #read} decodes it.
     *
     * @param bytes the message in its encoding on the wire
     * @param topic the topic that {@link Message#getTopic} returns
     * @param raw the object that {@link Message#getRaw} returns
     */
    void debugInjectMsgBytes(byte[] bytes, String topic, Object raw);
}
