package jp.ad.sinet.stream.engine.client;

import jp.ad.sinet.stream.api.Message;

/** Where the messages of an asynchronous reader come from. Used by its pump, one call at a time. */
public interface MessageSource<T> {
    /** Whether there is one that nobody will tell the pump of any more. */
    boolean hasRest();

    /** Goes to the next message; false when there is none. No more than so many are wanted for the time being. */
    boolean next(long wanted);

    /** What {@link #next} has gone to; throws why it is no message. */
    Message<T> message();

    /** How often a callback that throws is given it, which has been processed then; 0: once, and then it has not been processed. */
    int tries();

    /** The application has heard why it is no message. */
    void skipped();

    /** The callbacks have had it, and each has processed it, or not. */
    void calledBack(boolean processed);
}
