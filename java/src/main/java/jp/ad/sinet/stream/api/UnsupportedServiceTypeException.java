package jp.ad.sinet.stream.api;

/**
 * The type of the service names a messaging system that this library does not know.
 */
public class UnsupportedServiceTypeException extends SinetStreamException {
    private static final long serialVersionUID = 1L;

    /** Without message or cause. */
    public UnsupportedServiceTypeException() {
    }

    /**
     * With a message.
     *
     * @param message what went wrong, and where
     */
    public UnsupportedServiceTypeException(String message) {
        super(message);
    }

    /**
     * With a message and a cause.
     *
     * @param message what went wrong, and where
     * @param cause what led to it
     */
    public UnsupportedServiceTypeException(String message, Throwable cause) {
        super(message, cause);
    }

    /**
     * With a cause, whose text becomes the message.
     *
     * @param cause what led to it
     */
    public UnsupportedServiceTypeException(Throwable cause) {
        super(cause);
    }
}
