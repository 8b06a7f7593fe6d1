package jp.ad.sinet.stream.engine.client;

import java.lang.ref.Cleaner;
import java.lang.ref.Reference;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

import jp.ad.sinet.stream.api.ConnectionException;
import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.MessageIO;
import jp.ad.sinet.stream.api.Metrics;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.api.ValueType;
import jp.ad.sinet.stream.engine.boundary.ClientSink;
import jp.ad.sinet.stream.engine.boundary.Configured;
import jp.ad.sinet.stream.engine.boundary.Description;
import jp.ad.sinet.stream.engine.boundary.Native;
import jp.ad.sinet.stream.engine.boundary.Snapshot;
import jp.ad.sinet.stream.engine.jvm.Log;

/** What readers and writers have in common: opening and closing, and everything that only tells about the client. */
abstract class EngineClient implements MessageIO {
    static final String WRITING = "writing";
    /** Of waits whose time the engine keeps. */
    private static final long NO_LIMIT = Long.MAX_VALUE;

    private static final Cleaner CLEANER = Cleaner.create();

    final long handle;
    final Description description;
    final String name;
    private final ValueType valueType;
    private final EventPump pump;
    final Waiters waiters;
    private final AtomicBoolean closing = new AtomicBoolean();
    private final Lifeline lifeline;
    private final Cleaner.Cleanable cleanable;
    /** Writes after the close, whose counters are a snapshot. */
    private final AtomicLong lateErrors = new AtomicLong();
    private volatile Snapshot last;

    EngineClient(Opened<?> opened) {
        handle = opened.handle;
        description = opened.description;
        valueType = opened.valueType;
        name = opened.name;
        pump = opened.pump;
        waiters = opened.waiters;
        lifeline = new Lifeline(handle, name);
        cleanable = CLEANER.register(this, lifeline);
    }

    /** A connection that is ready, before the client around it exists. */
    static final class Opened<C> {
        final C codec;
        private final long handle;
        private final Description description;
        private final ValueType valueType;
        private final String name;
        final EventPump pump;
        private final Waiters waiters;

        private Opened(long handle, Description description, ValueType valueType, C codec, String name,
                EventPump pump, Waiters waiters) {
            this.handle = handle;
            this.description = description;
            this.valueType = valueType;
            this.codec = codec;
            this.name = name;
            this.pump = pump;
            this.waiters = waiters;
        }
    }

    /** Connects. The sink hears of the client's messages. Nothing stays open on failure. */
    static <C, R> R open(Configured configured, C codec, ClientSink sink, Function<Opened<C>, R> client) {
        long handle = configured.handle;
        try {
            Description description = configured.description;
            String name = configured.name();
            EventPump pump = EventPump.of(handle, name, description.clientId, configured.options, sink);
            Waiters waiters = new Waiters(pump::news);
            Notifier.add(handle, waiters);
            configured.connect(Codecs::willValue);
            await(handle, waiters, Native.opened(handle), Waiter.patience(), NO_LIMIT, false, () -> {
                configured.checkInterrupt();
                return true;
            });
            pump.ready();
            return client.apply(new Opened<>(handle, description, configured.valueType, codec, name, pump, waiters));
        } catch (Throwable failure) {
            configured.release();
            Notifier.remove(handle);
            throw failure;
        }
    }

    /** Throws when the client is closed or the thread interrupted, whose flag stays set. */
    final void checkUsable(String doing, String consequence) {
        if (closing.get()) {
            if (doing.equals(WRITING)) {
                lateErrors.incrementAndGet();
            }
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

    /**
     * Waits for the end of what a ticket stands for; false when the time is up. The ticket is used up afterwards, also
     * by an exception.
     */
    final boolean await(long ticket, long timeoutNanos, String doing, String consequence) {
        return await(ticket, Waiter.patience(Waiter.deadline(timeoutNanos)), timeoutNanos, false, doing, consequence);
    }

    /** The same for what the engine ends by itself, not before this time: then it is asked again. */
    final void awaitEnd(long ticket, long timeoutNanos, String doing, String consequence) {
        await(ticket, Native.ARMED, timeoutNanos, true, doing, consequence);
    }

    private boolean await(long ticket, int first, long timeoutNanos, boolean again, String doing, String consequence) {
        return await(handle, waiters, ticket, first, timeoutNanos, again, () -> {
            checkUsable(doing, consequence);
            return true;
        });
    }

    /** Every wait for a ticket. It ends also, and is false, when it is not to go on; {@code first} is how it begins. */
    private static boolean await(long handle, Waiters waiters, long ticket, int first, long timeoutNanos, boolean again,
            BooleanSupplier goesOn) {
        long deadline = Waiter.deadline(timeoutNanos);
        boolean ended = false;
        int how = first;
        Waiter waiter = waiters.begin(ticket);
        try {
            while (!(ended = Native.await(handle, ticket, how))) {
                if (!goesOn.getAsBoolean()) {
                    return false;
                }
                if (!waiter.await(deadline)) {
                    if (!again) {
                        return ended = Native.await(handle, ticket, Native.LOOK);
                    }
                    deadline = Waiter.deadline(timeoutNanos);
                }
                how = Native.ARMED;
            }
            return true;
        } finally {
            waiters.end(ticket);
            if (!ended) {
                abandon(handle, ticket);
            }
        }
    }

    private static void abandon(long handle, long ticket) {
        try {
            Native.abandon(handle, ticket);
        } catch (SinetStreamException e) {
            // closed meanwhile, and the ticket with it
        }
    }

    @Override
    public final boolean isConnected() {
        try {
            return !closing.get() && Snapshot.isConnected(Native.info(handle));
        } catch (SinetStreamException e) {
            return false; // closed meanwhile
        }
    }

    @Override
    public final void ping(Duration timeout) {
        String doing = "waiting for an answer of the broker";
        long nanos = TimeUnit.NANOSECONDS.convert(timeout);
        try {
            checkUsable(doing, "");
            if (!await(Native.ping(handle), nanos, doing, "")) {
                throw new ConnectionException("the " + name + ": no answer of the broker within "
                        + TimeUnit.NANOSECONDS.toMillis(nanos) + " ms");
            }
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /** Whether this thread runs one of this client's callbacks. */
    final boolean isCallbackThread() {
        return pump.callbacks().isWorkingHere();
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
        return snapshot().info(ipath);
    }

    @Override
    public final Metrics getMetrics() {
        Metrics metrics = snapshot().metrics();
        metrics.setErrorCountTotal(metrics.getErrorCountTotal() + lateErrors.get());
        return metrics;
    }

    private Snapshot snapshot() {
        try {
            return last != null ? last : Snapshot.of(handle);
        } catch (SinetStreamException e) {
            if (last == null) { // it is set before the handle is released
                throw e;
            }
            return last;
        }
    }

    @Override
    public final void resetMetrics(boolean doResetRaw) {
        try {
            Native.resetMetrics(handle);
        } catch (SinetStreamException e) {
            if (last == null) {
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
            waiters.wakeThreads();
            beforeClose();
            long ticket = Native.close(handle);
            if (!await(handle, waiters, ticket, Waiter.patience(), NO_LIMIT, false, () -> !Thread.currentThread().isInterrupted())) {
                checkUndelivered();
            }
        } finally {
            try {
                last = Snapshot.of(handle).disconnected();
                beforeRelease();
            } finally {
                release();
            }
        }
    }

    private void release() {
        try {
            pump.finish();
        } finally {
            lifeline.closed = true;
            cleanable.clean();
        }
        if (!pump.awaitOver(CallbackExecutor.CLOSE_MILLIS) && !Thread.currentThread().isInterrupted()) {
            Log.LOGGER.warning("the " + name + " is closed, but one of its callbacks does not return");
        }
    }

    /** How many messages there are of whose end nobody has been told. */
    int untold() {
        return 0;
    }

    /** The thread was interrupted while the client was closing. */
    private void checkUndelivered() {
        int left = untold();
        if (left > 0) {
            throw new SinetStreamIOException("the " + name + ": interrupted while closing; " + left
                    + " messages are not confirmed, and may have been delivered", new InterruptedException());
        }
    }

    /** Before the end begins. */
    void beforeClose() {
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
            Native.release(handle);
            if (!closed) {
                Log.LOGGER.warning("a " + name + " was never closed; its connection is cut now");
            }
            Notifier.remove(handle);
        }
    }
}
