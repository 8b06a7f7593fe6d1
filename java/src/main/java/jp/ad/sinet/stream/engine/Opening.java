package jp.ad.sinet.stream.engine;

import java.util.function.Function;

import jp.ad.sinet.stream.api.AsyncMessageReader;
import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.Deserializer;
import jp.ad.sinet.stream.api.MessageIO;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.Serializer;
import jp.ad.sinet.stream.engine.boundary.Configured;
import jp.ad.sinet.stream.engine.boundary.Options;
import jp.ad.sinet.stream.engine.client.Client;
import jp.ad.sinet.stream.engine.client.Codecs;
import jp.ad.sinet.stream.engine.client.NativeAsyncMessageReader;
import jp.ad.sinet.stream.engine.client.NativeAsyncMessageWriter;
import jp.ad.sinet.stream.engine.client.NativeMessageReader;
import jp.ad.sinet.stream.engine.client.NativeMessageWriter;
import jp.ad.sinet.stream.engine.jvm.OrClose;
import jp.ad.sinet.stream.engine.plugin.PluggedAsyncReader;
import jp.ad.sinet.stream.engine.plugin.PluggedAsyncWriter;
import jp.ad.sinet.stream.engine.plugin.PluggedReader;
import jp.ad.sinet.stream.engine.plugin.PluggedWriter;

/**
 * Opens clients. This is the one place that knows both kinds: those with the engine's own connection, and those of plugins.
 * The configuration determines the kind. Each method blocks until the client is open. The serializer or deserializer may be
 * null, which means the configured one; it is chosen before any connection is made, and nothing stays open on failure.
 */
public final class Opening {
    private Opening() {
    }

    /**
     * Opens a writer.
     *
     * @param options the builder's settings
     * @param given the serializer, or null
     * @param <T> the type of the values
     * @return the writer
     */
    public static <T> MessageWriter<T> writer(Options options, Serializer<T> given) {
        return open(options, given, configured -> {
            Serializer<T> serializer = Codecs.serializer(given, configured);
            return configured.isForPlugin() ? PluggedWriter.open(configured, serializer)
                    : NativeMessageWriter.open(configured, serializer);
        });
    }

    /**
     * Opens an asynchronous writer.
     *
     * @param options the builder's settings
     * @param given the serializer, or null
     * @param <T> the type of the values
     * @return the writer
     */
    public static <T> AsyncMessageWriter<T> asyncWriter(Options options, Serializer<T> given) {
        return open(options, given, configured -> {
            Serializer<T> serializer = Codecs.serializer(given, configured);
            return configured.isForPlugin() ? PluggedAsyncWriter.open(configured, serializer)
                    : NativeAsyncMessageWriter.open(configured, serializer);
        });
    }

    /**
     * Opens a reader and subscribes.
     *
     * @param options the builder's settings
     * @param given the deserializer, or null
     * @param <T> the type of the values
     * @return the reader
     */
    public static <T> MessageReader<T> reader(Options options, Deserializer<T> given) {
        return open(options, given, configured -> {
            Deserializer<T> deserializer = Codecs.deserializer(given, configured);
            return configured.isForPlugin() ? PluggedReader.open(configured, deserializer)
                    : NativeMessageReader.open(configured, deserializer);
        });
    }

    /**
     * Opens an asynchronous reader and subscribes.
     *
     * @param options the builder's settings
     * @param given the deserializer, or null
     * @param <T> the type of the values
     * @return the reader
     */
    public static <T> AsyncMessageReader<T> asyncReader(Options options, Deserializer<T> given) {
        return open(options, given, configured -> {
            Deserializer<T> deserializer = Codecs.deserializer(given, configured);
            return configured.isForPlugin() ? PluggedAsyncReader.open(configured, deserializer)
                    : NativeAsyncMessageReader.open(configured, deserializer);
        });
    }

    private static <R extends MessageIO> R open(Options options, Object givenCodec, Function<Configured, R> client) {
        if (givenCodec != null) {
            options.anyValueType();
        }
        Configured configured = Configured.of(options);
        R opened;
        try {
            opened = client.apply(configured);
        } catch (Throwable failure) {
            configured.release();
            throw failure;
        }
        return OrClose.orClose(opened::close, () -> {
            ((Client) opened).show(options);
            return opened;
        });
    }
}
