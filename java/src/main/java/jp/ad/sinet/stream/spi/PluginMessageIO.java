package jp.ad.sinet.stream.spi;

import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import jp.ad.sinet.stream.api.Consistency;

/** The common interface of the readers and writers of a messaging system. */
public interface PluginMessageIO {
    /** Closes the client. The library calls this once. */
    void close();

    /**
     * Returns the parameters in force.
     *
     * @return the parameters
     */
    Map<String, Object> getConfig();

    /**
     * Returns the delivery guarantee for each message.
     *
     * @return the consistency
     */
    Consistency getConsistency();

    /**
     * Returns the client identifier.
     *
     * @return the identifier, or null
     */
    @Nullable String getClientId();

    /**
     * Returns the messaging system's own metrics, which become the raw part of {@link jp.ad.sinet.stream.api.Metrics}.
     *
     * @return null, unless it is overridden
     */
    default @Nullable Object getMetrics() {
        return null;
    }

    /** Resets the messaging system's own metrics. Does nothing, unless it is overridden. */
    default void resetMetrics() {
    }

    /**
     * Returns information that the messaging system offers under a name.
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
     * @throws Exception if the connection cannot be cut
     */
    default void debugDisconnectForcibly() throws Exception {
    }
}
