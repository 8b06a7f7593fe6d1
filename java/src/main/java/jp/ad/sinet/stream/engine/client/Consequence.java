package jp.ad.sinet.stream.engine.client;

import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.api.SinetStreamIOException.Delivery;
import jp.ad.sinet.stream.api.SinetStreamIOException.Reason;

/** What a failure means for the message that it is about, for people and for programs. */
public enum Consequence {
    /** It is about no message. */
    NONE("", null),
    NOT_SENT("; the message was not sent", Delivery.NOT_SENT),
    /** Whether it was sent is not known. */
    UNKNOWN("; the message may or may not have been delivered", Delivery.UNKNOWN),
    /** It was sent, or given to a plugin. */
    SENT("; the message may have been delivered", Delivery.UNKNOWN);

    private final String text;
    private final Delivery delivery;

    Consequence(String text, Delivery delivery) {
        this.text = text;
        this.delivery = delivery;
    }

    /** A failure with this consequence. {@code cause} may be null. */
    public SinetStreamIOException of(Reason reason, String what, Throwable cause) {
        return new SinetStreamIOException(what + text, cause).with(reason, delivery);
    }

    /** The failure of a plugin, which may have said itself what became of the message. */
    public SinetStreamException of(SinetStreamException failure) {
        if (delivery != null && failure instanceof SinetStreamIOException) {
            SinetStreamIOException io = (SinetStreamIOException) failure;
            if (io.getDelivery() == null) {
                io.with(io.getReason(), delivery);
            }
        }
        return failure;
    }
}
