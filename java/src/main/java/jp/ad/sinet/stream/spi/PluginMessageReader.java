package jp.ad.sinet.stream.spi;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;

/** A blocking reader of a messaging system. */
public interface PluginMessageReader extends PluginMessageIO {
    /**
     * Waits for a message. The library calls this from one thread at a time.
     *
     * @return the message; null if none came within {@link #getReceiveTimeout}
     */
    @Nullable PluginMessageWrapper read();

    /**
     * Returns the messages up to the first receive timeout.
     *
     * @return a stream that reads as it is consumed
     */
    default Stream<PluginMessageWrapper> stream() {
        return Stream.generate(this::read).takeWhile(Objects::nonNull);
    }

    /**
     * Returns the topics that the reader reads.
     *
     * @return the topics
     */
    List<String> getTopics();

    /**
     * Returns how long {@link #read} waits.
     *
     * @return the receive timeout
     */
    Duration getReceiveTimeout();
}
