package jp.ad.sinet.stream.api;

import org.jspecify.annotations.Nullable;

/**
 * A message cannot be decoded (it is not a SINETStream message, is damaged, or was encrypted with another key), or a value
 * cannot be encoded. The reader has consumed such a message: its next read goes on with the following one.
 */
public class InvalidMessageException extends SinetStreamIOException {
    private static final long serialVersionUID = 1L;

    /** Makes an exception without message or cause. */
    public InvalidMessageException() {
    }

    /**
     * Makes an exception with a message.
     *
     * @param message what went wrong, and where
     */
    public InvalidMessageException(@Nullable String message) {
        super(message);
    }

    /**
     * Makes an exception with a message and a cause.
     *
     * @param message what went wrong, and where
     * @param cause what led to it
     */
    public InvalidMessageException(@Nullable String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /**
     * Makes an exception with a cause, whose text becomes the message.
     *
     * @param cause what led to it
     */
    public InvalidMessageException(@Nullable Throwable cause) {
        super(cause);
    }
}
