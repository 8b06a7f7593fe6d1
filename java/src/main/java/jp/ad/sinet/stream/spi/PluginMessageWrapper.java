package jp.ad.sinet.stream.spi;

import org.jspecify.annotations.Nullable;

import jp.ad.sinet.stream.utils.Timestamped;

/** A message from a messaging system, as it came. */
public interface PluginMessageWrapper {
    /**
     * The bytes, and the messaging system's time for them; that counts if the message has none.
     *
     * @return bytes and time
     */
    Timestamped<byte[]> getValue();

    /**
     * Where it came from.
     *
     * @return the topic
     */
    String getTopic();

    /**
     * What else the messaging system tells; programs get it from {@link jp.ad.sinet.stream.api.Message#getRaw}.
     *
     * @return an object, or null
     */
    @Nullable Object getRaw();
}
