package jp.ad.sinet.stream.api;

import java.util.Objects;
import java.util.OptionalInt;

import org.jspecify.annotations.Nullable;

/**
 * A client could not send or receive: the connection was lost, the operation was interrupted or exceeded its time limit, the
 * client is closed, or a file that it needs cannot be read.
 */
public class SinetStreamIOException extends SinetStreamException {
    private static final long serialVersionUID = 1L;

    /** The reason of the failure. */
    private Reason reason = Reason.OTHER;
    /** The fate of the message; null when the failure concerns no message. */
    private @Nullable Delivery delivery;
    /** The broker's reason code; 0 when there is none. */
    private int reasonCode;

    /** The reason of a failure. Later versions may add more. */
    public enum Reason {
        /** The client was closed by the program. */
        CLOSED,
        /** The time limit of a write, of another wait, or of opening a connection has passed. */
        TIMED_OUT,
        /** The thread was interrupted; its interrupt flag is set. */
        INTERRUPTED,
        /** The connection was lost and is not restored. */
        CONNECTION_LOST,
        /** The broker refused; see {@link SinetStreamIOException#getReasonCode}. */
        REFUSED,
        /** The message is larger than MQTT, or this broker, allows. */
        TOO_LARGE,
        /** Any other reason: the class, the message and the cause say more. */
        OTHER
    }

    /** The fate of a message whose write has failed. */
    public enum Delivery {
        /** The message was not sent to the broker, and will not be: writing it again cannot cause a duplicate. */
        NOT_SENT,
        /** The message was sent to the broker, which refused it. */
        REFUSED,
        /** The message was sent to the broker, which has not confirmed it: it may or may not have been delivered. */
        UNKNOWN
    }

    /** Makes an exception without message or cause. */
    public SinetStreamIOException() {
    }

    /**
     * Makes an exception with a message.
     *
     * @param message what went wrong, and where
     */
    public SinetStreamIOException(@Nullable String message) {
        super(message);
    }

    /**
     * Makes an exception with a message and a cause.
     *
     * @param message what went wrong, and where
     * @param cause what led to it
     */
    public SinetStreamIOException(@Nullable String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /**
     * Makes an exception with a cause, whose text becomes the message.
     *
     * @param cause what led to it
     */
    public SinetStreamIOException(@Nullable Throwable cause) {
        super(cause);
    }

    /**
     * Returns why the operation failed.
     *
     * @return the reason, never null
     */
    public Reason getReason() {
        return reason;
    }

    /**
     * Returns the fate of the message, if a write failed.
     *
     * @return null when it is not known, and when the failure concerns no message
     */
    public @Nullable Delivery getDelivery() {
        return delivery;
    }

    /**
     * Returns the reason code or return code with which the broker refused, from its CONNACK, SUBACK, PUBACK, PUBREC, PUBCOMP
     * or DISCONNECT.
     *
     * @return empty when the broker did not refuse
     */
    public OptionalInt getReasonCode() {
        return reasonCode == 0 ? OptionalInt.empty() : OptionalInt.of(reasonCode);
    }

    /**
     * Adds the reason and the fate of the message; for plugins, and for this library.
     *
     * @param why the reason
     * @param message the fate of the message, or null
     * @return this
     */
    public SinetStreamIOException with(Reason why, @Nullable Delivery message) {
        reason = Objects.requireNonNull(why, "why");
        delivery = message;
        return this;
    }

    /**
     * Adds the broker's reason code; for plugins, and for this library.
     *
     * @param code the code with which the broker refused; 0 for none
     * @return this
     */
    public SinetStreamIOException withReasonCode(int code) {
        reasonCode = code;
        return this;
    }
}
