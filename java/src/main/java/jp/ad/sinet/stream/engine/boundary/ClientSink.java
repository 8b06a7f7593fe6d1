package jp.ad.sinet.stream.engine.boundary;

import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.engine.jvm.Log;

/** What an asynchronous client does with the news of its messages. Called by the client's pump, one call at a time. */
public interface ClientSink {
    /** Whether messages from the broker are to be told. */
    default boolean wantsMessages() {
        return false;
    }

    /** Whether messages were fetched that can be handed over now: callbacks were taken away meanwhile, and there are some again. */
    default boolean hasRest() {
        return false;
    }

    /** Messages from the broker wait to be read, or to be handed over. */
    default void messages() {
    }

    /** The messages from the first number up to, but not including, the second are delivered. */
    default void delivered(long from, long to) {
    }

    /** One message was not delivered. */
    default void failed(long number, SinetStreamException failure) {
    }

    /** The client works, but something should be changed. */
    default void warning(String text) {
        Log.LOGGER.warning(text);
    }

    /** The client has ended by itself. */
    default void ended(SinetStreamException cause) {
    }

    /** How many messages there are of whose end nobody has been told. For any thread. */
    default int untold() {
        return 0;
    }

    /** A number that is another one after a message was accepted or has ended. For any thread. */
    default long progress() {
        return 0;
    }

    /** Nothing more will be told. */
    default void over() {
    }
}
