package jp.ad.sinet.stream.spi;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

import org.jspecify.annotations.Nullable;

/** Reads from a messaging system. */
public interface PluginMessageReader extends PluginMessageIO {
    /**
     * Waits for a message. Called by one thread at a time.
     *
     * @return the message; null if none came within {@link #getReceiveTimeout}
     */
    @Nullable PluginMessageWrapper read();

    /**
     * The messages up to the first that does not come in time.
     *
     * @return a stream that reads as it is consumed
     */
    default Stream<PluginMessageWrapper> stream() {
        return Stream.generate(this::read).takeWhile(Objects::nonNull);
    }

    /**
     * Where it reads.
     *
     * @return the topics
     */
    List<String> getTopics();

    /**
     * How long {@link #read} waits.
     *
     * @return the time
     */
    Duration getReceiveTimeout();
}
