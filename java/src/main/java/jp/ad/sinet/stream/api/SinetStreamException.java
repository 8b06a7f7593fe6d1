package jp.ad.sinet.stream.api;

import org.jspecify.annotations.Nullable;

/**
 * The superclass of all exceptions of this library. It is thrown itself only for a defect of the library, and when the native
 * library cannot be loaded.
 */
public class SinetStreamException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Makes an exception without message or cause. */
    public SinetStreamException() {
    }

    /**
     * Makes an exception with a message.
     *
     * @param message what went wrong, and where
     */
    public SinetStreamException(@Nullable String message) {
        super(message);
    }

    /**
     * Makes an exception with a message and a cause.
     *
     * @param message what went wrong, and where
     * @param cause what led to it
     */
    public SinetStreamException(@Nullable String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /**
     * Makes an exception with a cause, whose text becomes the message.
     *
     * @param cause what led to it
     */
    public SinetStreamException(@Nullable Throwable cause) {
        super(cause);
    }
}
