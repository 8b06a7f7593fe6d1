package jp.ad.sinet.stream.spi;

import java.util.Map;

/** Brings a messaging system, which configurations can name from then on ({@code type}). The name {@code mqtt} is taken. */
public interface SinetMessageProvider {
    /**
     * The name in a configuration.
     *
     * @return the name
     */
    String getType();

    /**
     * Tells whether it serves these parameters. Of several providers of one type the first that does is asked.
     *
     * @param parameters the service's parameters
     * @return true, unless it is overridden
     */
    default boolean isProvider(Map<String, ?> parameters) {
        return true;
    }
}
