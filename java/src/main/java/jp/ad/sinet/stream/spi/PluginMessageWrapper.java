package jp.ad.sinet.stream.spi;

import org.jspecify.annotations.Nullable;

import jp.ad.sinet.stream.utils.Timestamped;

/** A message as it came from a messaging system. */
public interface PluginMessageWrapper {
    /**
     * Returns the bytes, and the messaging system's time for them, which applies if the message itself contains none.
     *
     * @return bytes and time
     */
    Timestamped<byte[]> getValue();

    /**
     * Returns the topic that the message came from.
     *
     * @return the topic
     */
    String getTopic();

    /**
     * Returns the messaging system's own view of the message; programs get it from
     * {@link jp.ad.sinet.stream.api.Message#getRaw}.
     *
     * @return an object, or null
     */
    @Nullable Object getRaw();
}
