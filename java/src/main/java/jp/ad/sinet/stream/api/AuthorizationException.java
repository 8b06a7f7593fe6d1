package jp.ad.sinet.stream.api;

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
    public AuthorizationException(String message) {
        super(message);
    }

    /**
     * With a message and a cause.
     *
     * @param message what went wrong, and where
     * @param cause what led to it
     */
    public AuthorizationException(String message, Throwable cause) {
        super(message, cause);
    }

    /**
     * With a cause, whose text becomes the message.
     *
     * @param cause what led to it
     */
    public AuthorizationException(Throwable cause) {
        super(cause);
    }
}
