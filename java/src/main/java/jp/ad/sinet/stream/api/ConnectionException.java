package jp.ad.sinet.stream.api;

import org.jspecify.annotations.Nullable;

/**
 * No connection to the broker could be made: name resolution, network, TLS, or a refusal by the broker.
 */
public class ConnectionException extends SinetStreamIOException {
    private static final long serialVersionUID = 1L;

    /** Makes an exception without message or cause. */
    public ConnectionException() {
    }

    /**
     * Makes an exception with a message.
     *
     * @param message what went wrong, and where
     */
    public ConnectionException(@Nullable String message) {
        super(message);
    }

    /**
     * Makes an exception with a message and a cause.
     *
     * @param message what went wrong, and where
     * @param cause what led to it
     */
    public ConnectionException(@Nullable String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /**
     * Makes an exception with a cause, whose text becomes the message.
     *
     * @param cause what led to it
     */
    public ConnectionException(@Nullable Throwable cause) {
        super(cause);
    }
}
