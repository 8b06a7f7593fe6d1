package jp.ad.sinet.stream.spi;

import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import jp.ad.sinet.stream.api.Consistency;

/** What the readers and writers of a messaging system have in common. */
public interface PluginMessageIO {
    /** Closes it. Called once. */
    void close();

    /**
     * The parameters in force.
     *
     * @return the parameters
     */
    Map<String, Object> getConfig();

    /**
     * How much is done to deliver each message.
     *
     * @return the consistency
     */
    Consistency getConsistency();

    /**
     * The client's identifier.
     *
     * @return the identifier, or null
     */
    @Nullable String getClientId();

    /**
     * Figures of the messaging system's own; the raw part of {@link jp.ad.sinet.stream.api.Metrics}.
     *
     * @return null, unless it is overridden
     */
    default @Nullable Object getMetrics() {
        return null;
    }

    /** Begins to count anew. Does nothing, unless it is overridden. */
    default void resetMetrics() {
    }

    /**
     * Tells something of its own.
     *
     * @param ipath the parts of the name that was asked for; empty for everything
     * @return null, unless it is overridden
     */
    default @Nullable Object getInfo(List<String> ipath) {
        return null;
    }

    /**
     * Cuts the connection, for tests. Does nothing, unless it is overridden.
     *
     * @throws Exception if it can't
     */
    default void debugDisconnectForcibly() throws Exception {
    }
}
