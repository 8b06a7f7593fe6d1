package jp.ad.sinet.stream.engine.client;

import java.lang.ref.Cleaner;
import java.time.Duration;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Predicate;
import java.util.function.Supplier;
import java.util.logging.Level;

import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.MessageIO;
import jp.ad.sinet.stream.api.Metrics;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.api.SinetStreamIOException.Reason;
import jp.ad.sinet.stream.api.ValueType;
import jp.ad.sinet.stream.engine.boundary.Configured;
import jp.ad.sinet.stream.engine.boundary.Description;
import jp.ad.sinet.stream.engine.boundary.Native;
import jp.ad.sinet.stream.engine.boundary.Options;
import jp.ad.sinet.stream.engine.jvm.Log;

/**
 * The common part of all readers and writers, whichever transport carries their messages: everything that reports about the
 * client, the checks before its use, and the one implementation of close.
 */
public abstract class Client implements MessageIO {
    protected static final String WRITING = "writing";
    protected static final String FLUSHING = "waiting for the end of all writes";
    private static final String WAITING = "waiting for room in the outbox";

    private static final Cleaner CLEANER = Cleaner.create();

    static {
        // The classes are loaded now: an application's class loader may be closed when something fails for the first time.
        Consequence.values();
    }

    protected final long handle;
    protected final Description description;
    /** The name of the client in errors and the log. */
    protected final String name;
    protected final EventPump pump;
    protected final Waiters waiters;
    /** Keeps the JVM running for an asynchronous client. */
    protected final Stay stay;
    private final ValueType valueType;
    private final Cleaner.Cleanable lifeline;
    private final AtomicBoolean closing = new AtomicBoolean();
    private volatile boolean released;
    /** The actions that run at the end and have not run yet. */
    private final Queue<Cleaner.Cleanable> atEnd = new ConcurrentLinkedQueue<>();
    /** The number of writes after the close, when the engine's counters are a snapshot. */
    private final AtomicLong lateErrors = new AtomicLong();

    /**
     * @param lifeline releases the handle and informs the pump, at the end of close or when the client was garbage collected;
     *        it must not refer to the client
     */
    protected Client(Configured configured, String name, EventPump pump, Waiters waiters, Runnable lifeline) {
        handle = configured.handle;
        description = configured.description;
        valueType = configured.valueType;
        this.name = name;
        this.pump = pump;
        this.waiters = waiters;
        stay = new Stay(configured.options.isDaemon(), pump, description.writeTimeout);
        this.lifeline = CLEANER.register(this, lifeline);
    }

    /**
     * Registers an open client with JMX, if the builder was told so. Does nothing in a JVM without the module
     * java.management.
     */
    public final void show(Options options) {
        if (options.isJmx()) {
            try {
                onClose(ClientBean.register(this, options.role()));
            } catch (NoClassDefFoundError e) {
                throw new InvalidConfigurationException("jmx: the JVM has no module java.management", e);
            }
        }
    }

    @Override
    public final void onClose(Runnable action) {
        Objects.requireNonNull(action, "action");
        String of = name;
        atEnd.add(CLEANER.register(this, () -> doAtEnd(action, of)));
        if (released) {
            doAtEnd();
        }
    }

    private void doAtEnd() {
        for (Cleaner.Cleanable next = atEnd.poll(); next != null; next = atEnd.poll()) {
            next.clean();
        }
    }

    private static void doAtEnd(Runnable action, String of) {
        try {
            action.run();
        } catch (RuntimeException | Error e) {
            Log.LOGGER.log(Level.WARNING, "the " + of + ": what was to be done at its close has failed", e);
        }
    }

    protected final boolean isClosing() {
        return closing.get();
    }

    /** Throws when the client is closed or the thread is interrupted; the interrupt flag stays set. */
    protected final void checkUsable(String doing, Consequence consequence) {
        if (closing.get()) {
            if (doing.equals(WRITING)) {
                lateErrors.incrementAndGet();
            }
            throw consequence.of(Reason.CLOSED, "the " + name + " is closed", null);
        }
        if (Thread.currentThread().isInterrupted()) {
            throw interrupted(doing, consequence);
        }
    }

    protected final SinetStreamIOException interrupted(String doing, Consequence consequence) {
        return consequence.of(Reason.INTERRUPTED, "the " + name + ": interrupted while " + doing, new InterruptedException());
    }

    /** Blocks a thread that writes faster than the callbacks return. A callback itself is not blocked. */
    protected final void awaitRoom(Outcomes outcomes) {
        if (!outcomes.isFull() || pump.callbacks().isWorkingHere()) {
            return;
        }
        await(outcomes, waiter -> !outcomes.isFull(waiter), WAITING, Consequence.NOT_SENT,
                () -> timedOut("earlier messages have not ended, or their callbacks not returned"));
        checkUsable(WAITING, Consequence.NOT_SENT); // close makes room, too
    }

    /** Waits until every message that is pending now has ended, for clients whose messages the engine does not track. */
    protected final void awaitEnds(Outcomes outcomes) {
        long last = outcomes.lastNumber();
        await(outcomes, waiter -> outcomes.haveEnded(last, waiter), FLUSHING, Consequence.NONE, this::stillOnTheirWay);
    }

    /** Waits for a condition, at most for the write timeout. The code that ends messages wakes the waiter. */
    private void await(Outcomes outcomes, Predicate<Waiter> holds, String doing, Consequence consequence,
            Supplier<SinetStreamIOException> tooLate) {
        long deadline = Waiter.deadline(TimeUnit.NANOSECONDS.convert(description.writeTimeout));
        long what = waiters.unnamed();
        Waiter waiter = waiters.begin(what);
        try {
            while (!holds.test(waiter)) {
                checkUsable(doing, consequence);
                if (!waiter.await(deadline) && !holds.test(waiter)) {
                    throw tooLate.get();
                }
            }
        } finally {
            outcomes.forget(waiter);
            waiters.end(what);
        }
    }

    protected final SinetStreamIOException stillOnTheirWay() {
        return new SinetStreamIOException("the " + name + ": messages are still pending after "
                + description.writeTimeout.toMillis() + " ms").with(Reason.TIMED_OUT, null);
    }

    protected final SinetStreamIOException timedOut(String why) {
        Native.countError(handle);
        return Consequence.NOT_SENT.of(Reason.TIMED_OUT,
                "write timed out after " + description.writeTimeout.toMillis() + " ms: " + why, null);
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
    public final Metrics getMetrics() {
        Metrics metrics = counted();
        metrics.setErrorCountTotal(metrics.getErrorCountTotal() + lateErrors.get());
        return metrics;
    }

    /** Returns a new object with the engine's counters, also after the release. */
    protected abstract Metrics counted();

    @Override
    public final void resetMetrics(boolean doResetRaw) {
        try {
            Native.resetMetrics(handle);
        } catch (SinetStreamException e) {
            if (released) {
                return;
            }
            throw e;
        }
        if (doResetRaw) {
            resetRaw();
        }
    }

    /** Resets the counters of a plugin. */
    protected void resetRaw() {
    }

    @Override
    public final void close() {
        close(Native.AS_CONFIGURED);
    }

    @Override
    public final void closeWithin(Duration timeout) {
        close(Math.max(0, TimeUnit.MILLISECONDS.convert(timeout)));
    }

    private void close(long millis) {
        if (!closing.compareAndSet(false, true)) {
            return;
        }
        long begun = System.nanoTime();
        try {
            waiters.wakeThreads();
            disconnect(millis);
        } finally {
            try {
                beforeRelease();
            } finally {
                long left = millis - TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun);
                release(millis < 0 ? CallbackExecutor.CLOSE_MILLIS : Math.max(0, Math.min(left, CallbackExecutor.CLOSE_MILLIS)));
            }
        }
    }

    /** Disconnects in order within the given milliseconds, or within the default time if they are negative. */
    protected abstract void disconnect(long millis);

    /** Called before the handle is released, to fetch what is still needed from it. */
    protected abstract void beforeRelease();

    private void release(long callbackMillis) {
        released = true;
        doAtEnd();
        try {
            pump.finish();
        } finally {
            lifeline.clean();
        }
        if (!pump.awaitOver(callbackMillis) && !Thread.currentThread().isInterrupted()) {
            Log.LOGGER.warning("the " + name + " is closed, but its callbacks have not all returned");
        }
        if (pump.callbacks().isWorkingHere()) {
            stay.untilIdle(); // the callback that closes the client has not returned
        } else {
            stay.end();
        }
    }

    @Override
    public final String toString() {
        return getClass().getSimpleName() + "(" + name + ")";
    }
}
