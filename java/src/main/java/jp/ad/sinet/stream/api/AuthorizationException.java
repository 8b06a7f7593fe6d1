package jp.ad.sinet.stream.api;

import org.jspecify.annotations.Nullable;

/**
 * The broker did not permit this client to publish or to subscribe to the topic.
 */
public class AuthorizationException extends SinetStreamIOException {
    private static final long serialVersionUID = 1L;

    /** Makes an exception without message or cause. */
    public AuthorizationException() {
    }

    /**
     * Makes an exception with a message.
     *
     * @param message what went wrong, and where
     */
    public AuthorizationException(@Nullable String message) {
        super(message);
    }

    /**
     * Makes an exception with a message and a cause.
     *
     * @param message what went wrong, and where
     * @param cause what led to it
     */
    public AuthorizationException(@Nullable String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /**
     * Makes an exception with a cause, whose text becomes the message.
     *
     * @param cause what led to it
     */
    public AuthorizationException(@Nullable Throwable cause) {
        super(cause);
    }
}
