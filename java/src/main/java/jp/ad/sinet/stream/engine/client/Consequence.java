package jp.ad.sinet.stream.engine.client;

import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.api.SinetStreamIOException.Delivery;
import jp.ad.sinet.stream.api.SinetStreamIOException.Reason;

/** What a failure means for the message concerned, in words and as a {@link Delivery}. */
public enum Consequence {
    /** The failure concerns no message. */
    NONE("", null),
    NOT_SENT("; the message was not sent", Delivery.NOT_SENT),
    /** It is not known whether the message was sent. */
    UNKNOWN("; the message may or may not have been delivered", Delivery.UNKNOWN),
    /** The message was sent, or given to a plugin. */
    SENT("; the message may have been delivered", Delivery.UNKNOWN);

    private final String text;
    private final Delivery delivery;

    Consequence(String text, Delivery delivery) {
        this.text = text;
        this.delivery = delivery;
    }

    /** Returns a failure with this consequence. {@code cause} may be null. */
    public SinetStreamIOException of(Reason reason, String what, Throwable cause) {
        return new SinetStreamIOException(what + text, cause).with(reason, delivery);
    }

    /** Adds this consequence to the failure of a plugin, unless the plugin has set the fate of the message itself. */
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
