package jp.ad.sinet.stream.spi;

import org.jdeferred2.Promise;

import jp.ad.sinet.stream.utils.Timestamped;

/** A writer of a messaging system that does not wait for delivery. */
public interface PluginAsyncMessageWriter extends PluginMessageIO {
    /**
     * Accepts a message. The library calls this from one thread at a time.
     *
     * @param message the bytes, which already contain the time, and the time
     * @return a promise that is resolved when the consistency is satisfied, and rejected when it cannot be
     */
    Promise<?, ? extends Throwable, ?> write(Timestamped<byte[]> message);

    /**
     * Returns the topic that the writer writes to.
     *
     * @return the topic
     */
    String getTopic();
}
