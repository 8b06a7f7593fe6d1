package jp.ad.sinet.stream.api;

import org.jspecify.annotations.Nullable;

/**
 * A message cannot be decoded (not a SINETStream message, damaged, or encrypted with another key), or a value cannot be
 * encoded. A reader has consumed such a message: its next read goes on with the following one.
 */
public class InvalidMessageException extends SinetStreamIOException {
    private static final long serialVersionUID = 1L;

    /** Without message or cause. */
    public InvalidMessageException() {
    }

    /**
     * With a message.
     *
     * @param message what went wrong, and where
     */
    public InvalidMessageException(@Nullable String message) {
        super(message);
    }

    /**
     * With a message and a cause.
     *
     * @param message what went wrong, and where
     * @param cause what led to it
     */
    public InvalidMessageException(@Nullable String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /**
     * With a cause, whose text becomes the message.
     *
     * @param cause what led to it
     */
    public InvalidMessageException(@Nullable Throwable cause) {
        super(cause);
    }
}
