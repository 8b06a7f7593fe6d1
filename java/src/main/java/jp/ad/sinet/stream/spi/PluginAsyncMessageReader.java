package jp.ad.sinet.stream.spi;

import java.util.List;
import java.util.function.Consumer;

import org.jspecify.annotations.Nullable;

/** A reader of a messaging system that calls back for each message. */
public interface PluginAsyncMessageReader extends PluginMessageIO {
    /**
     * Adds a callback for messages.
     *
     * @param onMessage receives each message
     */
    default void addOnMessageCallback(Consumer<PluginMessageWrapper> onMessage) {
        addOnMessageCallback(onMessage, null);
    }

    /**
     * Adds a pair of callbacks for messages and failures.
     *
     * @param onMessage receives each message
     * @param onFailure receives each failure; may be null
     */
    void addOnMessageCallback(Consumer<PluginMessageWrapper> onMessage, @Nullable Consumer<Throwable> onFailure);

    /**
     * Removes a callback that was added without one for failures.
     *
     * @param onMessage the callback for messages
     */
    default void removeOnMessageCallback(Consumer<PluginMessageWrapper> onMessage) {
        removeOnMessageCallback(onMessage, null);
    }

    /**
     * Removes a pair of callbacks.
     *
     * @param onMessage the callback for messages
     * @param onFailure the callback for failures
     */
    void removeOnMessageCallback(Consumer<PluginMessageWrapper> onMessage, @Nullable Consumer<Throwable> onFailure);

    /** Removes all callbacks. */
    void clearOnMessageCallback();

    /**
     * Returns the topics that the reader reads.
     *
     * @return the topics
     */
    List<String> getTopics();
}
