package jp.ad.sinet.stream.spi;

import jp.ad.sinet.stream.utils.Timestamped;

/** A blocking writer of a messaging system. */
public interface PluginMessageWriter extends PluginMessageIO {
    /**
     * Sends a message. Blocks until the consistency is satisfied.
     *
     * @param message the bytes, which already contain the time, and the time
     */
    void write(Timestamped<byte[]> message);

    /**
     * Returns the topic that the writer writes to.
     *
     * @return the topic
     */
    String getTopic();

    /**
     * Tells whether several threads may call {@link #write} at a time; otherwise the library serializes the calls.
     *
     * @return false, unless it is overridden
     */
    default boolean isThreadSafe() {
        return false;
    }
}
