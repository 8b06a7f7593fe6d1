package jp.ad.sinet.stream.api;

import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;

/**
 * Receives messages, waiting for each. Several threads may read; each message goes to one of them.
 *
 * <p>A message at QoS 1 or 2 is acknowledged to the broker when {@link #read} returns it, or with {@code acknowledge: processed}
 * by {@link #acknowledge}.
 *
 * @param <T> the type of the values
 */
public interface MessageReader<T> extends MessageIO {
    /**
     * Receives a message. Blocks until there is one, at most for the receive timeout. The message is acknowledged to
     * the broker when this method returns it, unless the reader is one of {@code acknowledge: processed}, or throws because of it. While the connection is lost, this waits as it
     * does for a message.
     *
     * @return the message; null when none came within the receive timeout
     * @throws InvalidMessageException when a message came that cannot be decoded; the next call goes on with the one
     *         after it
     * @throws OutOfMemoryError when the JVM has not the memory for a message, which may be a right one; the next call goes
     *         on with the one after it
     * @throws AuthenticationException when the broker refused the credentials at a reconnect, which ends the reader
     * @throws SinetStreamIOException when the connection is lost for good; when the thread is interrupted (its
     *         interrupt flag is set again); when the reader is closed
     */
    @Nullable Message<T> read();

    /**
     * Receives several messages at a time: those that are there, when there is one. If one of them cannot be decoded, those before
     * it are returned, and the next call, of this method or of {@link #read()}, throws because of it.
     *
     * @param max the most messages that are wanted, at least 1
     * @param timeout how long to wait for the first one, instead of the receive timeout. The reader of a plugin waits as long as
     *        the plugin does, and brings one message at a time
     * @return the messages; empty when none came in time
     * @throws UnsupportedOperationException when an implementation has no such method; the readers of this library have
     */
    default List<Message<T>> readMany(int max, Duration timeout) {
        throw new UnsupportedOperationException("several messages at a time");
    }

    /**
     * Tells the broker that a message of this reader has been processed, so that it need not come again. Returns at once, on any
     * thread: the acknowledgement leaves after those of all messages before, as MQTT demands, and waits for that while the
     * connection is lost.
     *
     * <p>Only for messages at QoS 1 and 2 of a reader with {@code acknowledge: processed}, which come again to the next reader with
     * the session if this is not called. It does nothing for others, for the second time, after a close, and when the broker has
     * lost the session. The readers of plugins acknowledge by the rules of their messaging systems, and do nothing here.
     *
     * @param message a message that this reader has returned
     * @throws IllegalArgumentException when the message is another reader's
     */
    default void acknowledge(Message<T> message) {
    }

    /**
     * The messages from now on, as a lazy sequential stream that calls {@link #read} and ends at the first receive
     * timeout. Closing the stream does not close the reader.
     *
     * @return the stream
     */
    Stream<Message<T>> stream();

    /**
     * The topics of the subscription.
     *
     * @return a list that cannot be modified
     */
    List<String> getTopics();

    /**
     * How long {@link #read} waits.
     *
     * @return the timeout; {@code Duration.ofNanos(Long.MAX_VALUE)} when it is not limited
     */
    Duration getReceiveTimeout();

    /**
     * The deserializer in use.
     *
     * @return the deserializer
     */
    Deserializer<T> getDeserializer();

    /**
     * Puts a message before those of the network, for tests: the next {@link #read} decodes it.
     *
     * @param bytes the message as it would be on the wire
     * @param topic the topic it shall seem to come from
     * @param raw what {@link Message#getRaw} shall return
     */
    void debugInjectMsgBytes(byte[] bytes, String topic, Object raw);
}
