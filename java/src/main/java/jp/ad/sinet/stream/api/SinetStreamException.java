package jp.ad.sinet.stream.api;

import org.jspecify.annotations.Nullable;

/**
 * The root of all exceptions of this library. Thrown as itself only for a defect of the library, and when its native
 * part cannot be loaded.
 */
public class SinetStreamException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** Without message or cause. */
    public SinetStreamException() {
    }

    /**
     * With a message.
     *
     * @param message what went wrong, and where
     */
    public SinetStreamException(@Nullable String message) {
        super(message);
    }

    /**
     * With a message and a cause.
     *
     * @param message what went wrong, and where
     * @param cause what led to it
     */
    public SinetStreamException(@Nullable String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /**
     * With a cause, whose text becomes the message.
     *
     * @param cause what led to it
     */
    public SinetStreamException(@Nullable Throwable cause) {
        super(cause);
    }
}
