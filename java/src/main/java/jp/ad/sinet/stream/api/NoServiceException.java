package jp.ad.sinet.stream.api;

import org.jspecify.annotations.Nullable;

/**
 * The configuration file has no such service, or it has several and none was named.
 */
public class NoServiceException extends SinetStreamException {
    private static final long serialVersionUID = 1L;

    /** Without message or cause. */
    public NoServiceException() {
    }

    /**
     * With a message.
     *
     * @param message what went wrong, and where
     */
    public NoServiceException(@Nullable String message) {
        super(message);
    }

    /**
     * With a message and a cause.
     *
     * @param message what went wrong, and where
     * @param cause what led to it
     */
    public NoServiceException(@Nullable String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /**
     * With a cause, whose text becomes the message.
     *
     * @param cause what led to it
     */
    public NoServiceException(@Nullable Throwable cause) {
        super(cause);
    }
}
