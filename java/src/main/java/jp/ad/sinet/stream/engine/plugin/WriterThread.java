package jp.ad.sinet.stream.engine.plugin;

import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;

import org.jdeferred2.Promise;

import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException.Reason;
import jp.ad.sinet.stream.engine.boundary.ClientSink;
import jp.ad.sinet.stream.engine.boundary.Native;
import jp.ad.sinet.stream.engine.client.Consequence;
import jp.ad.sinet.stream.engine.client.EventPump;
import jp.ad.sinet.stream.engine.client.Outcome;
import jp.ad.sinet.stream.engine.client.Outcomes;
import jp.ad.sinet.stream.engine.client.WritePromise;
import jp.ad.sinet.stream.engine.jvm.ClientThreads;
import jp.ad.sinet.stream.engine.jvm.SerialThread;
import jp.ad.sinet.stream.utils.Timestamped;

/**
 * The messages of an asynchronous writer on their way to a plugin. One thread passes them to the plugin, in the order of the
 * calls, so that a plugin that blocks does not block a thread of the application. This object does not refer to the writer,
 * so that an abandoned one can be garbage collected.
 */
final class WriterThread implements ClientSink {
    private static final int MAX_UNTOLD = 10_000;
    private static final String CLOSED = "the writer was closed";

    final Outcomes outcomes = new Outcomes(MAX_UNTOLD);
    final SerialThread thread = new SerialThread("sinetstream-writer");
    private final Function<Timestamped<byte[]>, Promise<?, ? extends Throwable, ?>> plugin;
    private final long handle;
    private final String pluginName;
    private final Queue<Sending> ended = new ConcurrentLinkedQueue<>();
    private volatile EventPump pump;
    /** Allocated early, because every promise must get an outcome even when memory is lacking. Only the pump uses it. */
    private SinetStreamException notSent;
    /** The number of the next message; guarded by this object. */
    private long next;

    WriterThread(Function<Timestamped<byte[]>, Promise<?, ? extends Throwable, ?>> plugin, long handle, String pluginName) {
        this.plugin = plugin;
        this.handle = handle;
        this.pluginName = pluginName;
    }

    void begin(EventPump ofClient) {
        pump = ofClient;
    }

    /** Accepts a message, unless this throws. */
    synchronized void add(Coded coded, WritePromise promise) {
        Sending sending = new Sending(next, coded, promise);
        outcomes.put(next, sending);
        boolean accepted = false;
        try {
            thread.execute(sending);
            accepted = true;
            next++;
        } catch (RejectedExecutionException e) {
            throw Consequence.NOT_SENT.of(Reason.CLOSED, CLOSED, e);
        } finally {
            if (!accepted) {
                outcomes.remove(next);
                sending.state.set(State.ENDED); // so that a thread that finds it later ignores it
            }
        }
    }

    /**
     * Tells the pump. Any thread may call this; it does not block. If no thread can be started for callbacks, this object's
     * own thread tries again.
     */
    private void tell() {
        try {
            pump.news();
        } catch (OutOfMemoryError e) {
            if (!thread.isStopped()) {
                thread.execute(() -> {
                    EventPump.pause();
                    tell();
                });
            }
        }
    }

    @Override
    public int untold() {
        return outcomes.untold();
    }

    @Override
    public long progress() {
        return outcomes.progress();
    }

    @Override
    public boolean hasRest() {
        return !ended.isEmpty();
    }

    @Override
    public void messages() {
        boolean hasTime = true;
        Sending sending;
        while (hasTime && (sending = ended.poll()) != null) {
            outcomes.end(sending.number, sending.failure);
            hasTime = !pump.isToGiveWay();
        }
    }

    @Override
    public void over() {
        notSent = Consequence.NOT_SENT.of(Reason.CLOSED, CLOSED, null);
        while (hasRest()) {
            messages();
        }
        outcomes.over();
    }

    private enum State { WAITING, GIVEN, ENDED }

    private final class Sending implements Outcome, Runnable {
        private final long number;
        private final Coded coded;
        private final WritePromise promise;
        private final AtomicReference<State> state = new AtomicReference<>(State.WAITING);
        private SinetStreamException failure;

        Sending(long number, Coded coded, WritePromise promise) {
            this.number = number;
            this.coded = coded;
            this.promise = promise;
        }

        @Override
        public void run() {
            if (!state.compareAndSet(State.WAITING, State.GIVEN)) {
                return; // it has ended with the writer
            }
            try {
                Promise<?, ? extends Throwable, ?> sent = plugin.apply(coded.message);
                if (sent == null) {
                    throw new IllegalStateException("write returned null");
                }
                sent.done(nothing -> end(null)).fail(this::failed);
            } catch (Throwable e) { // a plugin can throw anything
                failed(e);
            }
            ClientThreads.restoreLoader();
        }

        private void failed(Throwable cause) {
            end(thread.isStopped() ? Consequence.SENT.of(Reason.CLOSED, CLOSED, cause)
                    : Consequence.SENT.of(Providers.failure(pluginName, cause)));
        }

        /** Records the outcome. Only the first one counts, and none after the end of the writer. */
        private void end(SinetStreamException why) {
            if (state.compareAndSet(State.GIVEN, State.ENDED)) {
                failure = why;
                queue();
                if (why == null) {
                    coded.taken();
                } else {
                    Native.countError(handle);
                }
                tell();
            }
        }

        /**
         * Queues the outcome. The plugin reports it only once, so when memory is lacking this repeats until there is some, or
         * until the close ends the message.
         */
        private void queue() {
            while (true) {
                try {
                    ended.add(this);
                    return;
                } catch (OutOfMemoryError e) {
                    if (thread.isStopped()) {
                        state.set(State.GIVEN);
                        return;
                    }
                    EventPump.pause();
                }
            }
        }

        @Override
        public void settle(SinetStreamException cause) {
            promise.settle(state.getAndSet(State.ENDED) == State.WAITING ? notSent : cause);
        }
    }
}
