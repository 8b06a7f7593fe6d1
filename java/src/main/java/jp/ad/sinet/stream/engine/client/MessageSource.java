package jp.ad.sinet.stream.engine.client;

import jp.ad.sinet.stream.api.Message;

/** The source of an asynchronous reader's messages. The reader's pump uses it, one call at a time. */
public interface MessageSource<T> {
    /** Tells whether a message is present of which the pump gets no further event. */
    boolean hasRest();

    /**
     * Advances to the next message. Returns false when there is none. {@code wanted} is the number of messages that are
     * demanded at present.
     */
    boolean next(long wanted);

    /** Returns the current message. Throws if it cannot be decoded. */
    Message<T> message();

    /**
     * Returns how many times a callback that throws is given the current message before it counts as processed; 0 means one
     * time, after which the message has failed.
     */
    int tries();

    /** Records that the application was told why the current message cannot be decoded. */
    void skipped();

    /** Records that all callbacks have had the current message, and whether all of them have processed it. */
    void calledBack(boolean processed);
}
