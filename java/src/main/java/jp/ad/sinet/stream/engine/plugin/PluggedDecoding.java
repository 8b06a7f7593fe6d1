package jp.ad.sinet.stream.engine.plugin;

import jp.ad.sinet.stream.api.Deserializer;
import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.engine.boundary.Native;
import jp.ad.sinet.stream.engine.boundary.Packed;
import jp.ad.sinet.stream.engine.client.Deserializing;
import jp.ad.sinet.stream.spi.PluginMessageWrapper;
import jp.ad.sinet.stream.utils.Timestamped;

/** Decodes messages that a plugin has read. */
final class PluggedDecoding<T> {
    private final long handle;
    private final String pluginName;
    private final Deserializing<T> deserializing;

    PluggedDecoding(long handle, String pluginName, Deserializer<T> deserializer) {
        this.handle = handle;
        this.pluginName = pluginName;
        deserializing = new Deserializing<>(deserializer, handle);
    }

    Message<T> message(PluginMessageWrapper read) {
        Timestamped<byte[]> value = Providers.call(pluginName, read::getValue);
        if (value == null || value.getValue() == null) {
            Native.countError(handle);
            throw Providers.failure(pluginName, new IllegalStateException("a message without a value"));
        }
        Message<T> message = message(value.getValue(), read.getTopic(), read.getRaw());
        return message.getTimestampMicroseconds() != 0 ? message
                : new Message<>(message.getValue(), message.getTopic(), value.getTstamp(), message.getRaw());
    }

    Message<T> message(byte[] bytes, String topic, Object raw) {
        return deserializing.message(Packed.decoded(handle, bytes, topic), topic, raw, null);
    }
}
