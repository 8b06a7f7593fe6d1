package jp.ad.sinet.stream.engine.client;

import jp.ad.sinet.stream.api.Message;

/** Where the messages of an asynchronous reader come from. Used by its pump, one call at a time. */
public interface MessageSource<T> {
    /** Whether there is one that nobody will tell the pump of any more. */
    boolean hasRest();

    /** Goes to the next message; false when there is none. */
    boolean next();

    /** What {@link #next} has gone to; throws why it is no message. */
    Message<T> message();

    /** The application has heard of it. */
    void taken();
}
