package jp.ad.sinet.stream.spi;

import org.jdeferred2.Promise;

import jp.ad.sinet.stream.utils.Timestamped;

/** Writes to a messaging system without waiting. */
public interface PluginAsyncMessageWriter extends PluginMessageIO {
    /**
     * Takes a message. Called by one thread at a time.
     *
     * @param message the bytes, in which the time stands already, and the time
     * @return tells when the consistency is satisfied, or that it can't be
     */
    Promise<?, ? extends Throwable, ?> write(Timestamped<byte[]> message);

    /**
     * Where it writes.
     *
     * @return the topic
     */
    String getTopic();
}
