package jp.ad.sinet.stream.api;

import java.util.Objects;
import java.util.OptionalInt;

import org.jspecify.annotations.Nullable;

/**
 * A client could not send or receive: the connection was lost, the operation was interrupted or ran into its time
 * limit, the client is closed, or a file that it needs cannot be read.
 */
public class SinetStreamIOException extends SinetStreamException {
    private static final long serialVersionUID = 1L;

    /** Why. */
    private Reason reason = Reason.OTHER;
    /** Null when it is about no message. */
    private @Nullable Delivery delivery;
    /** Of the broker; 0 when there is none. */
    private int reasonCode;

    /** Why something failed. More kinds may come. */
    public enum Reason {
        /** The client was closed by the program. */
        CLOSED,
        /** The time of a write, of another wait, or of opening a connection was up. */
        TIMED_OUT,
        /** The thread was interrupted; its interrupt flag is set. */
        INTERRUPTED,
        /** The connection was lost, and is not opened again. */
        CONNECTION_LOST,
        /** The broker has refused; see {@link SinetStreamIOException#getReasonCode}. */
        REFUSED,
        /** The message is larger than MQTT, or this broker, takes. */
        TOO_LARGE,
        /** Anything else: the class, the message and the cause say more. */
        OTHER
    }

    /** What became of a message whose write has failed. */
    public enum Delivery {
        /** The broker was not sent the message, and will not be: to write it again makes no double of it. */
        NOT_SENT,
        /** The broker was sent the message, and has refused it. */
        REFUSED,
        /** The broker was sent the message, and has not confirmed it: it may have been delivered, or not. */
        UNKNOWN
    }

    /** Without message or cause. */
    public SinetStreamIOException() {
    }

    /**
     * With a message.
     *
     * @param message what went wrong, and where
     */
    public SinetStreamIOException(@Nullable String message) {
        super(message);
    }

    /**
     * With a message and a cause.
     *
     * @param message what went wrong, and where
     * @param cause what led to it
     */
    public SinetStreamIOException(@Nullable String message, @Nullable Throwable cause) {
        super(message, cause);
    }

    /**
     * With a cause, whose text becomes the message.
     *
     * @param cause what led to it
     */
    public SinetStreamIOException(@Nullable Throwable cause) {
        super(cause);
    }

    /**
     * Why it failed.
     *
     * @return the reason, never null
     */
    public Reason getReason() {
        return reason;
    }

    /**
     * What became of the message, if this is the failure of a write.
     *
     * @return null when that is not known, and when the failure is about no message
     */
    public @Nullable Delivery getDelivery() {
        return delivery;
    }

    /**
     * The code with which the broker has refused, as MQTT numbers them: of its CONNACK, SUBACK, PUBACK, PUBREC, PUBCOMP or
     * DISCONNECT.
     *
     * @return empty when the broker has not refused
     */
    public OptionalInt getReasonCode() {
        return reasonCode == 0 ? OptionalInt.empty() : OptionalInt.of(reasonCode);
    }

    /**
     * Tells more of this failure; for plugins, and for this library.
     *
     * @param why the reason
     * @param message what became of the message, or null
     * @return this
     */
    public SinetStreamIOException with(Reason why, @Nullable Delivery message) {
        reason = Objects.requireNonNull(why, "why");
        delivery = message;
        return this;
    }

    /**
     * Tells the broker's code; for plugins, and for this library.
     *
     * @param code the code with which the broker has refused; 0 for none
     * @return this
     */
    public SinetStreamIOException withReasonCode(int code) {
        reasonCode = code;
        return this;
    }
}
