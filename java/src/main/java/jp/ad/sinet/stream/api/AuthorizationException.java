package jp.ad.sinet.stream.api;

import org.jspecify.annotations.Nullable;

/**
 * The broker did not permit this client to publish or to subscribe to the topic.
 */
public class AuthorizationException extends SinetStreamIOException {
    private static final long serialVersionUID = 1L;

    /** Without message or cause. */
    public AuthorizationException() {
    }

    /**
     * With a message.
     *
     * @param message what went wrong, and where
     */
    public AuthorizationException(@Nullable String message) {
        super(message);
    }

    /**
     * With a message and a cause.
     *
     * @param message what went wrong, and where
     * @param cause what led to it
     */
    public AuthorizationException(@Nullable String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /**
     * With a cause, whose text becomes the message.
     *
     * @param cause what led to it
     */
    public AuthorizationException(@Nullable Throwable cause) {
        super(cause);
    }
}
