package jp.ad.sinet.stream.api;

import org.jspecify.annotations.Nullable;

/**
 * The broker did not accept the credentials of this client.
 */
public class AuthenticationException extends SinetStreamIOException {
    private static final long serialVersionUID = 1L;

    /** Makes an exception without message or cause. */
    public AuthenticationException() {
    }

    /**
     * Makes an exception with a message.
     *
     * @param message what went wrong, and where
     */
    public AuthenticationException(@Nullable String message) {
        super(message);
    }

    /**
     * Makes an exception with a message and a cause.
     *
     * @param message what went wrong, and where
     * @param cause what led to it
     */
    public AuthenticationException(@Nullable String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /**
     * Makes an exception with a cause, whose text becomes the message.
     *
     * @param cause what led to it
     */
    public AuthenticationException(@Nullable Throwable cause) {
        super(cause);
    }
}
