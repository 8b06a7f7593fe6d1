package jp.ad.sinet.stream.api;

import org.jspecify.annotations.Nullable;

/**
 * The configuration file or a value given to a builder is wrong. This is thrown before anything is sent to a broker.
 */
public class InvalidConfigurationException extends SinetStreamException {
    private static final long serialVersionUID = 1L;

    /** Makes an exception without message or cause. */
    public InvalidConfigurationException() {
    }

    /**
     * Makes an exception with a message.
     *
     * @param message what went wrong, and where
     */
    public InvalidConfigurationException(@Nullable String message) {
        super(message);
    }

    /**
     * Makes an exception with a message and a cause.
     *
     * @param message what went wrong, and where
     * @param cause what led to it
     */
    public InvalidConfigurationException(@Nullable String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /**
     * Makes an exception with a cause, whose text becomes the message.
     *
     * @param cause what led to it
     */
    public InvalidConfigurationException(@Nullable Throwable cause) {
        super(cause);
    }
}
