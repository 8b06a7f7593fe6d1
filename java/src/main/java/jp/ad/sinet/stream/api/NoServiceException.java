package jp.ad.sinet.stream.api;

import org.jspecify.annotations.Nullable;

/**
 * The configuration file has no such service, or it has several and none was named.
 */
public class NoServiceException extends SinetStreamException {
    private static final long serialVersionUID = 1L;

    /** Makes an exception without message or cause. */
    public NoServiceException() {
    }

    /**
     * Makes an exception with a message.
     *
     * @param message what went wrong, and where
     */
    public NoServiceException(@Nullable String message) {
        super(message);
    }

    /**
     * Makes an exception with a message and a cause.
     *
     * @param message what went wrong, and where
     * @param cause what led to it
     */
    public NoServiceException(@Nullable String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /**
     * Makes an exception with a cause, whose text becomes the message.
     *
     * @param cause what led to it
     */
    public NoServiceException(@Nullable Throwable cause) {
        super(cause);
    }
}
