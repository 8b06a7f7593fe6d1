package jp.ad.sinet.stream.api;

import org.jspecify.annotations.Nullable;

/**
 * There is no configuration file: none in the places that are searched, or the one that was named does not exist.
 */
public class NoConfigException extends SinetStreamException {
    private static final long serialVersionUID = 1L;

    /** Without message or cause. */
    public NoConfigException() {
    }

    /**
     * With a message.
     *
     * @param message what went wrong, and where
     */
    public NoConfigException(@Nullable String message) {
        super(message);
    }

    /**
     * With a message and a cause.
     *
     * @param message what went wrong, and where
     * @param cause what led to it
     */
    public NoConfigException(@Nullable String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /**
     * With a cause, whose text becomes the message.
     *
     * @param cause what led to it
     */
    public NoConfigException(@Nullable Throwable cause) {
        super(cause);
    }
}
