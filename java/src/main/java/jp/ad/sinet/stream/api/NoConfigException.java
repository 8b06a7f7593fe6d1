package jp.ad.sinet.stream.api;

import org.jspecify.annotations.Nullable;

/**
 * There is no configuration file: either none is in the places that are searched, or the named one does not exist.
 */
public class NoConfigException extends SinetStreamException {
    private static final long serialVersionUID = 1L;

    /** Makes an exception without message or cause. */
    public NoConfigException() {
    }

    /**
     * Makes an exception with a message.
     *
     * @param message what went wrong, and where
     */
    public NoConfigException(@Nullable String message) {
        super(message);
    }

    /**
     * Makes an exception with a message and a cause.
     *
     * @param message what went wrong, and where
     * @param cause what led to it
     */
    public NoConfigException(@Nullable String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /**
     * Makes an exception with a cause, whose text becomes the message.
     *
     * @param cause what led to it
     */
    public NoConfigException(@Nullable Throwable cause) {
        super(cause);
    }
}
