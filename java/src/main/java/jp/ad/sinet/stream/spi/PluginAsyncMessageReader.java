package jp.ad.sinet.stream.spi;

import java.util.List;
import java.util.function.Consumer;

import org.jspecify.annotations.Nullable;

/** Reads from a messaging system by itself, and tells of each message. */
public interface PluginAsyncMessageReader extends PluginMessageIO {
    /**
     * Adds who is told of messages.
     *
     * @param onMessage gets each message
     */
    default void addOnMessageCallback(Consumer<PluginMessageWrapper> onMessage) {
        addOnMessageCallback(onMessage, null);
    }

    /**
     * Adds who is told of messages and failures.
     *
     * @param onMessage gets each message
     * @param onFailure gets what went wrong; may be null
     */
    void addOnMessageCallback(Consumer<PluginMessageWrapper> onMessage, @Nullable Consumer<Throwable> onFailure);

    /**
     * Removes what was added with these.
     *
     * @param onMessage as it was added
     */
    default void removeOnMessageCallback(Consumer<PluginMessageWrapper> onMessage) {
        removeOnMessageCallback(onMessage, null);
    }

    /**
     * Removes what was added with these.
     *
     * @param onMessage as it was added
     * @param onFailure as it was added
     */
    void removeOnMessageCallback(Consumer<PluginMessageWrapper> onMessage, @Nullable Consumer<Throwable> onFailure);

    /** Removes all. */
    void clearOnMessageCallback();

    /**
     * Where it reads.
     *
     * @return the topics
     */
    List<String> getTopics();
}
