package jp.ad.sinet.stream.api;

import org.jspecify.annotations.Nullable;

/**
 * The type of the service names a messaging system that this library does not know.
 */
public class UnsupportedServiceTypeException extends SinetStreamException {
    private static final long serialVersionUID = 1L;

    /** Makes an exception without message or cause. */
    public UnsupportedServiceTypeException() {
    }

    /**
     * Makes an exception with a message.
     *
     * @param message what went wrong, and where
     */
    public UnsupportedServiceTypeException(@Nullable String message) {
        super(message);
    }

    /**
     * Makes an exception with a message and a cause.
     *
     * @param message what went wrong, and where
     * @param cause what led to it
     */
    public UnsupportedServiceTypeException(@Nullable String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /**
     * Makes an exception with a cause, whose text becomes the message.
     *
     * @param cause what led to it
     */
    public UnsupportedServiceTypeException(@Nullable Throwable cause) {
        super(cause);
    }
}
