package jp.ad.sinet.stream.engine.client;

import java.lang.ref.Reference;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Function;

import jp.ad.sinet.stream.api.ConnectionException;
import jp.ad.sinet.stream.api.Metrics;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.api.SinetStreamIOException.Delivery;
import jp.ad.sinet.stream.api.SinetStreamIOException.Reason;
import jp.ad.sinet.stream.engine.boundary.ClientSink;
import jp.ad.sinet.stream.engine.boundary.Configured;
import jp.ad.sinet.stream.engine.boundary.Native;
import jp.ad.sinet.stream.engine.boundary.Questions;
import jp.ad.sinet.stream.engine.boundary.Snapshot;
import jp.ad.sinet.stream.engine.jvm.Log;

/** The common part of readers and writers with the engine's own connection: how they open, wait for the engine, and close. */
abstract class EngineClient extends Client {
    /** The timeout of waits that the engine ends by itself. */
    private static final long NO_LIMIT = Long.MAX_VALUE;

    private final Lifeline lifeline;
    private volatile Snapshot last;

    EngineClient(Opened<?> opened) {
        this(opened, new Lifeline(opened.configured.handle, opened.configured.name(), opened.sink));
    }

    private EngineClient(Opened<?> opened, Lifeline lifeline) {
        super(opened.configured, opened.configured.name(), opened.pump, opened.waiters, lifeline);
        this.lifeline = lifeline;
    }

    /** A ready connection, before the client around it exists. */
    static final class Opened<C> {
        final Configured configured;
        final C codec;
        final EventPump pump;
        private final ClientSink sink;
        private final Waiters waiters;

        private Opened(Configured configured, C codec, ClientSink sink, EventPump pump, Waiters waiters) {
            this.configured = configured;
            this.codec = codec;
            this.sink = sink;
            this.pump = pump;
            this.waiters = waiters;
        }
    }

    /** Connects. The sink receives the events of the client's messages. Nothing stays open on failure. */
    static <C, R> R open(Configured configured, C codec, ClientSink sink, Function<Opened<C>, R> client) {
        long handle = configured.handle;
        try {
            EventPump pump = EventPump.of(configured, sink);
            Questions questions = configured.questions();
            Waiters waiters = new Waiters(pump::news, what -> CallbackPool.execute(() -> questions.answer(what)));
            Notifier.add(handle, waiters);
            configured.connect(Codecs::willValue);
            await(handle, waiters, Native.opened(handle), Waiter.patience(), NO_LIMIT, false, () -> {
                configured.checkInterrupt();
                return true;
            });
            pump.ready();
            return client.apply(new Opened<>(configured, codec, sink, pump, waiters));
        } catch (Throwable failure) {
            configured.release();
            Notifier.remove(handle);
            throw failure;
        }
    }

    /**
     * Waits until the operation of a ticket has ended. Returns false when the timeout has passed. Afterwards the ticket is
     * used up, also after an exception.
     */
    final boolean await(long ticket, long timeoutNanos, String doing, Consequence consequence) {
        return await(ticket, Waiter.patience(Waiter.deadline(timeoutNanos)), timeoutNanos, false, doing, consequence);
    }

    /**
     * Waits for an operation that the engine ends by itself, not before this time; after the timeout the engine is asked
     * again.
     */
    final void awaitEnd(long ticket, long timeoutNanos, String doing, Consequence consequence) {
        await(ticket, Native.ARMED, timeoutNanos, true, doing, consequence);
    }

    private boolean await(long ticket, int first, long timeoutNanos, boolean again, String doing, Consequence consequence) {
        return await(handle, waiters, ticket, first, timeoutNanos, again, () -> {
            checkUsable(doing, consequence);
            return true;
        });
    }

    /**
     * Implements every wait for a ticket. Returns false when {@code goesOn} returns false or the timeout has passed;
     * {@code first} says how the first call waits.
     */
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
            // The client was closed meanwhile, and the ticket is gone with it.
        }
    }

    @Override
    public final boolean isConnected() {
        try {
            return !isClosing() && Snapshot.isConnected(Native.info(handle));
        } catch (SinetStreamException e) {
            return false; // The client was closed meanwhile.
        }
    }

    @Override
    public final void ping(Duration timeout) {
        String doing = "waiting for an answer of the broker";
        long nanos = TimeUnit.NANOSECONDS.convert(timeout);
        try {
            checkUsable(doing, Consequence.NONE);
            if (!await(Native.ping(handle), nanos, doing, Consequence.NONE)) {
                throw new ConnectionException("the " + name + ": no answer of the broker within "
                        + TimeUnit.NANOSECONDS.toMillis(nanos) + " ms").with(Reason.TIMED_OUT, null);
            }
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    /** Waits until everything that was accepted before has ended. */
    final void awaitFlush() {
        long nanos = TimeUnit.NANOSECONDS.convert(description.writeTimeout);
        try {
            checkUsable(FLUSHING, Consequence.NONE);
            if (!await(Native.flush(handle), nanos, FLUSHING, Consequence.NONE)) {
                throw stillOnTheirWay();
            }
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    @Override
    public final String getClientId() {
        return description.clientId;
    }

    @Override
    public final Object getInfo(String ipath) {
        return snapshot().info(ipath);
    }

    @Override
    protected final Metrics counted() {
        return snapshot().metrics();
    }

    private Snapshot snapshot() {
        try {
            return last != null ? last : Snapshot.of(handle);
        } catch (SinetStreamException e) {
            if (last == null) { // set before the handle is released
                throw e;
            }
            return last;
        }
    }

    @Override
    protected final void disconnect(long millis) {
        lifeline.closed = true;
        beforeClose();
        long ticket = Native.close(handle, millis);
        if (!await(handle, waiters, ticket, Waiter.patience(), NO_LIMIT, false, () -> !Thread.currentThread().isInterrupted())) {
            checkUndelivered();
        }
    }

    @Override
    protected void beforeRelease() {
        last = Snapshot.of(handle).disconnected();
    }

    /** Throws when the thread was interrupted while the client was closing. */
    private void checkUndelivered() {
        int left = lifeline.sink.untold();
        if (left > 0) {
            throw new SinetStreamIOException("the " + name + ": interrupted while closing; " + left
                    + " messages are not confirmed, and may have been delivered", new InterruptedException())
                    .with(Reason.INTERRUPTED, Delivery.UNKNOWN);
        }
    }

    /** Called before the close begins. */
    void beforeClose() {
    }

    /** Releases the handle. */
    private static final class Lifeline implements Runnable {
        private final long handle;
        private final String name;
        private final ClientSink sink;
        private volatile boolean closed;

        Lifeline(long handle, String name, ClientSink sink) {
            this.handle = handle;
            this.name = name;
            this.sink = sink;
        }

        @Override
        public void run() {
            int left = closed ? 0 : sink.untold();
            Native.release(handle);
            if (!closed) {
                Log.LOGGER.warning("a " + name + " was never closed; its connection is cut now" + (left == 0 ? ""
                        : ", and messages are not confirmed that may have been delivered: " + left));
            }
            Notifier.remove(handle);
        }
    }
}
