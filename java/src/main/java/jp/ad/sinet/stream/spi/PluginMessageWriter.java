package jp.ad.sinet.stream.spi;

import jp.ad.sinet.stream.utils.Timestamped;

/** Writes what it is given to a messaging system. */
public interface PluginMessageWriter extends PluginMessageIO {
    /**
     * Sends a message. Blocks until the consistency is satisfied.
     *
     * @param message the bytes, in which the time stands already, and the time
     */
    void write(Timestamped<byte[]> message);

    /**
     * Where it writes.
     *
     * @return the topic
     */
    String getTopic();

    /**
     * Whether {@link #write} may be called by several threads at a time; otherwise the library sees to that.
     *
     * @return false, unless it is overridden
     */
    default boolean isThreadSafe() {
        return false;
    }
}
