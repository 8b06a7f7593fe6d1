package jp.ad.sinet.stream.api;

import org.jspecify.annotations.Nullable;

/**
 * No connection to the broker could be made: name resolution, network, TLS, or a refusal by the broker.
 */
public class ConnectionException extends SinetStreamIOException {
    private static final long serialVersionUID = 1L;

    /** Without message or cause. */
    public ConnectionException() {
    }

    /**
     * With a message.
     *
     * @param message what went wrong, and where
     */
    public ConnectionException(@Nullable String message) {
        super(message);
    }

    /**
     * With a message and a cause.
     *
     * @param message what went wrong, and where
     * @param cause what led to it
     */
    public ConnectionException(@Nullable String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /**
     * With a cause, whose text becomes the message.
     *
     * @param cause what led to it
     */
    public ConnectionException(@Nullable Throwable cause) {
        super(cause);
    }
}
