package jp.ad.sinet.stream.engine.plugin;

import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;

import org.jdeferred2.Promise;

import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.engine.boundary.ClientSink;
import jp.ad.sinet.stream.engine.boundary.Native;
import jp.ad.sinet.stream.engine.client.EventPump;
import jp.ad.sinet.stream.engine.client.Outcome;
import jp.ad.sinet.stream.engine.client.Outcomes;
import jp.ad.sinet.stream.engine.client.WritePromise;
import jp.ad.sinet.stream.engine.jvm.ClientThreads;
import jp.ad.sinet.stream.utils.Timestamped;

/**
 * The messages of an asynchronous writer on their way to a plugin. One thread gives them to it, in the order of the calls, so that
 * a plugin that blocks keeps no thread of the application waiting. It does not know the writer, so that a forgotten one can
 * be cleaned up.
 */
final class WriterThread implements ClientSink {
    private static final int MAX_UNTOLD = 10_000;
    private static final String CLOSED = "the writer was closed";
    private static final String NOT_SENT = "; the message was not sent";

    final Outcomes outcomes = new Outcomes(MAX_UNTOLD);
    final PluginThread thread = PluginThread.of(this::step, "sinetstream-writer");
    private final Function<Timestamped<byte[]>, Promise<?, ? extends Throwable, ?>> plugin;
    private final Calls calls;
    private final long handle;
    private final String pluginName;
    private final Queue<Sending> waiting = new ConcurrentLinkedQueue<>();
    private final Queue<Sending> ended = new ConcurrentLinkedQueue<>();
    private volatile EventPump pump;
    /** Something has ended, and the pump could not be told for want of memory. */
    private volatile boolean untold;
    /** There is no time for what waits. */
    private volatile boolean stopped;
    /** Made before it is needed, since no promise may stay without its end for want of memory. Of the pump alone. */
    private SinetStreamException notSent;
    // guarded by this object
    private long next;
    private boolean closed;

    WriterThread(Function<Timestamped<byte[]>, Promise<?, ? extends Throwable, ?>> plugin, Calls calls, long handle,
            String pluginName) {
        this.plugin = plugin;
        this.calls = calls;
        this.handle = handle;
        this.pluginName = pluginName;
    }

    void begin(EventPump ofClient) {
        pump = ofClient;
    }

    /** Takes a message, unless it throws. */
    void add(Coded coded, WritePromise promise) {
        thread.begin(); // before it is there: without a thread it would stay
        synchronized (this) {
            if (closed) {
                throw new SinetStreamIOException(CLOSED + NOT_SENT);
            }
            Sending sending = new Sending(next, coded, promise);
            outcomes.put(next, sending);
            try {
                waiting.add(sending);
            } catch (OutOfMemoryError e) {
                outcomes.remove(next);
                throw e;
            }
            next++;
        }
        thread.wake();
    }

    /** No message comes any more. The plugin gets those that there are, as long as there is time. */
    void close(long millis) {
        synchronized (this) {
            closed = true;
        }
        thread.finish(millis);
        stopped = true;
    }

    /** Nothing more is done. */
    void end() {
        close(0);
    }

    private boolean step() {
        if (untold) {
            EventPump.pause();
            untold = false;
            tell();
        }
        Sending sending = stopped ? null : waiting.poll();
        if (sending == null) {
            return false;
        }
        sending.give();
        ClientThreads.restoreLoader();
        return true;
    }

    /** For any thread; waits for nobody. */
    private void tell() {
        try {
            pump.news();
        } catch (OutOfMemoryError e) {
            untold = true;
            thread.wake();
        }
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
            hasTime = !pump.callbacks().isToGiveWay();
        }
    }

    @Override
    public void over() {
        stopped = true;
        notSent = new SinetStreamIOException(CLOSED + NOT_SENT);
        while (hasRest()) {
            messages();
        }
        outcomes.over();
    }

    private enum State { WAITING, GIVEN, ENDED }

    private final class Sending implements Outcome {
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

        void give() {
            if (!state.compareAndSet(State.WAITING, State.GIVEN)) {
                return; // it has ended with the writer
            }
            try {
                Promise<?, ? extends Throwable, ?> sent = calls.call(() -> plugin.apply(coded.message));
                if (sent == null) {
                    throw new IllegalStateException("write gives null");
                }
                sent.done(nothing -> {
                    coded.taken();
                    end(null);
                }).fail(this::failed);
            } catch (Throwable e) { // a plugin can throw anything
                failed(e);
            }
        }

        private void failed(Throwable cause) {
            Native.countError(handle);
            end(stopped ? new SinetStreamIOException(CLOSED + "; the message may have been delivered", cause)
                    : Providers.failure(pluginName, cause));
        }

        /** Only the first end counts, and none after that of the writer. */
        private void end(SinetStreamException why) {
            if (state.compareAndSet(State.GIVEN, State.ENDED)) {
                failure = why;
                ended.add(this);
                tell();
            }
        }

        @Override
        public void settle(SinetStreamException cause) {
            promise.settle(state.getAndSet(State.ENDED) == State.WAITING ? notSent : cause);
        }
    }
}
