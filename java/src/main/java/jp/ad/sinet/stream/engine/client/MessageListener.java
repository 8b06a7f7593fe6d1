package jp.ad.sinet.stream.engine.client;

import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.SinetStreamException;

/**
 * A receiver of the messages of an asynchronous reader. All methods except {@link #demand} are called where callbacks run,
 * one call at a time.
 */
interface MessageListener<T> {
    /** Returns how many messages the listener accepts now; messages wait for the listener that accepts the fewest. */
    default long demand() {
        return Long.MAX_VALUE;
    }

    /** Tells whether a message for which the listener has thrown may be given to it again. */
    default boolean isPatient() {
        return true;
    }

    /** Receives the next message. What this throws is logged, and the message counts as not processed. */
    void message(Message<T> message);

    /** Called when a message cannot be decoded, or could not be given to the listeners before this one. */
    void failed(Throwable failure);

    /** Called when the reader has failed. */
    void ended(SinetStreamException cause);

    /** Called when the reader is closed. */
    default void closed() {
    }
}
