package jp.ad.sinet.stream.engine;

import java.lang.ref.Cleaner;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Function;
import java.util.logging.Logger;

import jp.ad.sinet.stream.api.ConnectionException;
import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.MessageIO;
import jp.ad.sinet.stream.api.Metrics;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.api.ValueType;

/** What readers and writers have in common: opening and closing, and everything that only tells about the client. */
abstract class EngineClient implements MessageIO {
    static final Logger LOGGER = Logger.getLogger("jp.ad.sinet.stream");
    /** How long a call waits in native code, where neither an interrupt nor a close by another thread is noticed. */
    static final int SLICE_MILLIS = 10;

    private static final Cleaner CLEANER = Cleaner.create();

    final long handle;
    final Description description;
    private final ValueType valueType;
    private final String name;
    private final AtomicBoolean closing = new AtomicBoolean();
    private final Lifeline lifeline;
    private final Cleaner.Cleanable cleanable;
    private volatile long[] finalMetrics;

    EngineClient(String role, Opened<?> opened) {
        handle = opened.handle;
        description = opened.description;
        valueType = opened.valueType;
        name = name(role, description);
        lifeline = new Lifeline(handle, name);
        cleanable = CLEANER.register(this, lifeline);
    }

    private static String name(String role, Description description) {
        return role + (description.service == null ? "" : " of service " + description.service);
    }

    /** A connection that is ready, before the client around it exists. */
    static final class Opened<C> {
        final C codec;
        private final long handle;
        private final Description description;
        private final ValueType valueType;

        private Opened(long handle, Description description, ValueType valueType, C codec) {
            this.handle = handle;
            this.description = description;
            this.valueType = valueType;
            this.codec = codec;
        }
    }

    /**
     * Opens and connects. The codec is chosen before anything goes to the network; nothing stays open on failure.
     */
    static <C, R> R open(Options options, Function<Description, C> codec, Function<Opened<C>, R> client) {
        Native.ensureLoaded();
        long handle = Native.open(options.encode());
        try {
            Description description = new Description(Native.describe(handle));
            description.warnings.forEach(LOGGER::warning);
            ValueType valueType = options.valueType(description.valueType);
            C chosen = codec.apply(description);
            connect(handle, description);
            return client.apply(new Opened<>(handle, description, valueType, chosen));
        } catch (Throwable failure) {
            Native.release(handle);
            throw failure;
        }
    }

    private static void connect(long handle, Description description) {
        byte[] trustAnchors = description.needsTrustAnchors ? Tree.encode(TrustAnchors.ofJvm()) : null;
        boolean begun = false;
        do {
            if (Thread.currentThread().isInterrupted()) { // and stays so
                throw new ConnectionException("interrupted while connecting" + (description.service == null ? ""
                        : " service " + description.service), new InterruptedException());
            }
            if (!begun) {
                Native.connect(handle, trustAnchors);
                begun = true;
            }
        } while (!Native.awaitConnected(handle, SLICE_MILLIS));
    }

    /** Throws when the client is closed or the thread interrupted, whose flag stays set. */
    final void checkUsable(String doing, String consequence) {
        if (closing.get()) {
            throw new SinetStreamIOException("the " + name + " is closed" + consequence);
        }
        if (Thread.currentThread().isInterrupted()) {
            throw interrupted(doing, consequence);
        }
    }

    final SinetStreamIOException interrupted(String doing, String consequence) {
        return new SinetStreamIOException("the " + name + ": interrupted while " + doing + consequence,
                new InterruptedException());
    }

    final void countError() {
        try {
            Native.countError(handle);
        } catch (SinetStreamException e) {
            // closed meanwhile: what is counted no longer shows
        }
    }

    @Override
    public final String getService() {
        return description.service;
    }

    @Override
    public final Consistency getConsistency() {
        return description.consistency;
    }

    @Override
    public final String getClientId() {
        return description.clientId;
    }

    @Override
    public final Map<String, Object> getConfig() {
        return description.config;
    }

    @Override
    public final ValueType getValueType() {
        return valueType;
    }

    @Override
    public final boolean isDataEncryption() {
        return description.dataEncryption;
    }

    @Override
    public final Object getInfo(String ipath) {
        return null;
    }

    @Override
    public final Metrics getMetrics() {
        long[] values = finalMetrics;
        if (values == null) {
            try {
                values = Native.metrics(handle);
            } catch (SinetStreamException e) {
                values = finalMetrics; // set before the handle is released
                if (values == null) {
                    throw e;
                }
            }
        }
        int i = 0;
        Metrics metrics = new Metrics();
        metrics.setStartTimeMillis(values[i++]);
        metrics.setEndTimeMillis(values[i++]);
        metrics.setMsgCountTotal(values[i++]);
        metrics.setMsgUncompressedBytesTotal(values[i++]);
        metrics.setMsgCompressedBytesTotal(values[i++]);
        metrics.setMsgBytesTotal(values[i++]);
        metrics.setMsgSizeMin(values[i++]);
        metrics.setMsgSizeMax(values[i++]);
        metrics.setErrorCountTotal(values[i]);
        return metrics;
    }

    @Override
    public final void resetMetrics(boolean doResetRaw) {
        try {
            Native.resetMetrics(handle);
        } catch (SinetStreamException e) {
            if (finalMetrics == null) {
                throw e;
            }
        }
    }

    @Override
    public final void close() {
        if (!closing.compareAndSet(false, true)) {
            return;
        }
        try {
            Native.close(handle);
            while (!Native.awaitClosed(handle, SLICE_MILLIS) && !Thread.currentThread().isInterrupted()) {
                // wait on
            }
        } finally {
            try {
                finalMetrics = Native.metrics(handle);
                beforeRelease();
            } finally {
                lifeline.closed = true;
                cleanable.clean();
            }
        }
    }

    /** The last chance to fetch something from the handle. */
    void beforeRelease() {
    }

    @Override
    public final String toString() {
        return getClass().getSimpleName() + "(" + name + ")";
    }

    /** Releases the handle: at the end of close, or when a client was forgotten. It must not refer to the client. */
    private static final class Lifeline implements Runnable {
        private final long handle;
        private final String name;
        private volatile boolean closed;

        Lifeline(long handle, String name) {
            this.handle = handle;
            this.name = name;
        }

        @Override
        public void run() {
            if (!closed) {
                LOGGER.warning("a " + name + " was never closed; its connection is cut now");
            }
            Native.release(handle);
        }
    }
}
