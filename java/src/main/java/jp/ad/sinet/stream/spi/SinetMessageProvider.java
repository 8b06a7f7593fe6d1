package jp.ad.sinet.stream.spi;

import java.util.Map;

/** Provides a messaging system, which configurations can then name ({@code type}). The name {@code mqtt} is reserved. */
public interface SinetMessageProvider {
    /**
     * Returns the name that configurations use.
     *
     * @return the name
     */
    String getType();

    /**
     * Tells whether this provider serves the given parameters. If several providers have one type, the first that returns
     * true is used.
     *
     * @param parameters the service's parameters
     * @return true, unless it is overridden
     */
    default boolean isProvider(Map<String, ?> parameters) {
        return true;
    }
}
