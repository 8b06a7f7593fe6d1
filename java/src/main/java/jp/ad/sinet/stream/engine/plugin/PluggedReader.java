package jp.ad.sinet.stream.engine.plugin;

import java.lang.ref.Reference;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Supplier;
import java.util.stream.Stream;

import jp.ad.sinet.stream.api.Deserializer;
import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.engine.boundary.ClientSink;
import jp.ad.sinet.stream.engine.boundary.Configured;
import jp.ad.sinet.stream.engine.boundary.Description;
import jp.ad.sinet.stream.engine.client.Consequence;
import jp.ad.sinet.stream.spi.MessageReaderProvider;
import jp.ad.sinet.stream.spi.PluginMessageReader;
import jp.ad.sinet.stream.spi.PluginMessageWrapper;
import jp.ad.sinet.stream.spi.ReaderParameters;

/**
 * The reader over a plugin.
 *
 * @param <T> the type of the values
 */
public final class PluggedReader<T> extends PluggedClient<PluginMessageReader> implements MessageReader<T> {
    private static final String WAITING = "waiting for a message";

    private final Deserializer<T> deserializer;
    private final PluggedDecoding<T> decoding;
    private final Queue<Supplier<Message<T>>> injected = new ConcurrentLinkedQueue<>();

    private PluggedReader(Plugged<Deserializer<T>> plugged, PluginMessageReader plugin) {
        super(plugged, plugin, new Calls(true), new ClientSink() { }, () -> { });
        deserializer = plugged.codec;
        decoding = new PluggedDecoding<>(handle, pluginName, deserializer);
    }

    /**
     * Opens a reader. Blocks as long as the plugin does.
     *
     * @param configured the configuration of the reader
     * @param deserializer the deserializer
     * @param <T> the type of the values
     * @return the reader
     */
    public static <T> MessageReader<T> open(Configured configured, Deserializer<T> deserializer) {
        Plugged<Deserializer<T>> plugged = new Plugged<>(configured, deserializer);
        return Providers.around(plugin(plugged), plugin -> new PluggedReader<>(plugged, plugin));
    }

    static PluginMessageReader plugin(Plugged<?> plugged) {
        MessageReaderProvider provider = Providers.find(MessageReaderProvider.class, plugged.type, plugged.parameters);
        if (provider == null) {
            throw Providers.none(plugged.type, "blocking reader");
        }
        return Providers.open(provider, plugged.type, () -> provider.getReader(parameters(plugged)));
    }

    static ReaderParameters parameters(Plugged<?> plugged) {
        Description description = plugged.configured.description;
        Duration given = plugged.configured.options.receiveTimeout();
        ReaderParameters parameters = new ReaderParameters(description.service, description.consistency,
                plugged.configured.valueType, plugged.parameters, plugged.flag("user_data_only"), plugged.flag("data_compression"),
                description.dataEncryption, description.topics, given != null ? given : description.receiveTimeout, null);
        parameters.setClientId((String) plugged.parameters.get("client_id"));
        return parameters;
    }

    @Override
    public String getTopic() {
        return String.join(",", getTopics());
    }

    @Override
    public List<String> getTopics() {
        return Providers.call(pluginName, () -> Objects.requireNonNull(plugin.getTopics(), "getTopics returned null"));
    }

    @Override
    public Duration getReceiveTimeout() {
        return Providers.call(pluginName, plugin::getReceiveTimeout);
    }

    @Override
    public Deserializer<T> getDeserializer() {
        return deserializer;
    }

    @Override
    public Message<T> read() {
        try {
            checkUsable(WAITING, Consequence.NONE);
            Supplier<Message<T>> next;
            try {
                next = calls.call(this::next, description.receiveTimeout, () -> null);
            } catch (Throwable e) { // a plugin can throw anything
                throw failure(e, Consequence.NONE);
            }
            return next == null ? null : next.get();
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    @Override
    public List<Message<T>> readMany(int max, Duration timeout) {
        if (max < 1) {
            throw new IllegalArgumentException("max: " + max);
        }
        Message<T> message = read();
        return message == null ? List.of() : List.of(message);
    }

    private Supplier<Message<T>> next() {
        Supplier<Message<T>> first = injected.poll();
        if (first != null) {
            return first;
        }
        PluginMessageWrapper read = plugin.read();
        return read == null ? null : () -> decoding.message(read);
    }

    @Override
    public Stream<Message<T>> stream() {
        return Stream.generate(this::read).takeWhile(Objects::nonNull);
    }

    @Override
    public void debugInjectMsgBytes(byte[] bytes, String topic, Object raw) {
        checkUsable("injecting a message", Consequence.NONE);
        byte[] copy = bytes.clone();
        Objects.requireNonNull(topic, "topic");
        injected.add(() -> decoding.message(copy, topic, raw));
    }
}
