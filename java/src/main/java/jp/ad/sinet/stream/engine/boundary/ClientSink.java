package jp.ad.sinet.stream.engine.boundary;

import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.engine.jvm.Log;

/** The receiver of the events of an asynchronous client's messages. The client's pump calls it, one call at a time. */
public interface ClientSink {
    /** Tells whether messages from the broker are wanted. */
    default boolean wantsMessages() {
        return false;
    }

    /**
     * Tells whether fetched messages can be delivered now, for instance because callbacks were removed and others were added
     * since.
     */
    default boolean hasRest() {
        return false;
    }

    /** Called when messages from the broker wait to be read or delivered. */
    default void messages() {
    }

    /** Reports the delivery of the messages from the first number up to, but not including, the second. */
    default void delivered(long from, long to) {
    }

    /** Reports that one message was not delivered. */
    default void failed(long number, SinetStreamException failure) {
    }

    /** Reports that the client works, but something should be changed. */
    default void warning(String text) {
        Log.LOGGER.warning(text);
    }

    /** Reports that the client has failed. */
    default void ended(SinetStreamException cause) {
    }

    /** Returns how many messages have no reported outcome yet. Any thread may call this. */
    default int untold() {
        return 0;
    }

    /** Returns a number that changes whenever a message is accepted or ends. Any thread may call this. */
    default long progress() {
        return 0;
    }

    /** Called after the last event. */
    default void over() {
    }
}
