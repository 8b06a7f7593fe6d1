package jp.ad.sinet.stream.api;

/**
 * A client could not send or receive: the connection was lost, the operation was interrupted or ran into its time
 * limit, the client is closed, or a file that it needs cannot be read.
 */
public class SinetStreamIOException extends SinetStreamException {
    private static final long serialVersionUID = 1L;

    /** Without message or cause. */
    public SinetStreamIOException() {
    }

    /**
     * With a message.
     *
     * @param message what went wrong, and where
     */
    public SinetStreamIOException(String message) {
        super(message);
    }

    /**
     * With a message and a cause.
     *
     * @param message what went wrong, and where
     * @param cause what led to it
     */
    public SinetStreamIOException(String message, Throwable cause) {
        super(message, cause);
    }

    /**
     * With a cause, whose text becomes the message.
     *
     * @param cause what led to it
     */
    public SinetStreamIOException(Throwable cause) {
        super(cause);
    }
}
