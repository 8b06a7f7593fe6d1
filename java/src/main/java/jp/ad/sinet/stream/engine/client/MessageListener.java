package jp.ad.sinet.stream.engine.client;

import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.SinetStreamException;

/** Who hears the messages of an asynchronous reader. All but {@link #demand} is called where callbacks run, one call at a time. */
interface MessageListener<T> {
    /** How many messages it takes now; the messages wait for the listener that takes the fewest. */
    default long demand() {
        return Long.MAX_VALUE;
    }

    /** Whether a message for which this has thrown may be given to it again. */
    default boolean isPatient() {
        return true;
    }

    /** The next message. What it throws is logged, and the message is not processed. */
    void message(Message<T> message);

    /** A message can't be decoded, or could not be given to those before this one. */
    void failed(Throwable failure);

    /** The reader has ended by itself. */
    void ended(SinetStreamException cause);

    /** The reader is closed. */
    default void closed() {
    }
}
