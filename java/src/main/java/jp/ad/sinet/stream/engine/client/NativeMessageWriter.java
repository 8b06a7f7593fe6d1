package jp.ad.sinet.stream.engine.client;

import java.lang.ref.Reference;
import java.time.Instant;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.Serializer;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.WriteOptions;
import jp.ad.sinet.stream.engine.boundary.ClientSink;
import jp.ad.sinet.stream.engine.boundary.Configured;
import jp.ad.sinet.stream.engine.boundary.Native;
import jp.ad.sinet.stream.engine.boundary.Timestamps;

/**
 * The writer over the native engine. Any number of threads may write.
 *
 * @param <T> the type of the values
 */
public final class NativeMessageWriter<T> extends EngineClient implements MessageWriter<T> {
    private final Serializing<T> serializing;
    private final long writeTimeoutNanos;
    private volatile byte[] lastMessageBytes;

    private NativeMessageWriter(Opened<Serializer<T>> opened) {
        super(opened);
        this.serializing = new Serializing<>(opened.codec);
        this.writeTimeoutNanos = TimeUnit.NANOSECONDS.convert(description.writeTimeout);
    }

    /**
     * Opens a writer. Blocks until it is connected.
     *
     * @param configured the configuration of the writer
     * @param serializer the serializer
     * @param <T> the type of the values
     * @return the writer
     */
    public static <T> MessageWriter<T> open(Configured configured, Serializer<T> serializer) {
        return open(configured, serializer, new ClientSink() { }, NativeMessageWriter<T>::new);
    }

    @Override
    public String getTopic() {
        return description.topic;
    }

    @Override
    public Serializer<T> getSerializer() {
        return serializing.serializer;
    }

    @Override
    public boolean isThreadSafe() {
        return true;
    }

    @Override
    public void write(T message) {
        writeAny(message, Timestamps.micros(Instant.now()), null);
    }

    @Override
    public void write(T message, long timestamp) {
        writeAny(message, timestamp, null);
    }

    @Override
    public void write(T message, WriteOptions options) {
        write(message, Timestamps.micros(Instant.now()), options);
    }

    @Override
    public void write(T message, long timestamp, WriteOptions options) {
        writeAny(message, timestamp, Objects.requireNonNull(options, "options"));
    }

    private void writeAny(T message, long timestamp, WriteOptions options) {
        try {
            checkUsable(WRITING, Consequence.NOT_SENT);
            byte[] value = serializing.serialize(message, handle);
            long ticket = Native.write(handle, value, timestamp, options, Waiter.patience());
            if (ticket != Native.CONFIRMED) {
                awaitEnd(ticket, writeTimeoutNanos, "waiting for the confirmation of a message", Consequence.UNKNOWN);
            }
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    @Override
    public void flush() {
        awaitFlush();
    }

    @Override
    public byte[] getDebugLastMsgBytes() {
        try {
            return Native.lastMessageBytes(handle);
        } catch (SinetStreamException e) {
            return lastMessageBytes;
        }
    }

    @Override
    protected void beforeRelease() {
        super.beforeRelease();
        lastMessageBytes = Native.lastMessageBytes(handle);
    }
}
