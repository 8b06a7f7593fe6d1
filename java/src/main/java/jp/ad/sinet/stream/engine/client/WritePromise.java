package jp.ad.sinet.stream.engine.client;

import java.util.logging.Level;

import org.jdeferred2.AlwaysCallback;
import org.jdeferred2.AlwaysPipe;
import org.jdeferred2.DoneCallback;
import org.jdeferred2.DoneFilter;
import org.jdeferred2.DonePipe;
import org.jdeferred2.FailCallback;
import org.jdeferred2.FailFilter;
import org.jdeferred2.FailPipe;
import org.jdeferred2.ProgressCallback;
import org.jdeferred2.ProgressFilter;
import org.jdeferred2.ProgressPipe;
import org.jdeferred2.Promise;
import org.jdeferred2.impl.DeferredObject;

import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.engine.jvm.ClientThreads;
import jp.ad.sinet.stream.engine.jvm.Log;

/**
 * The promise of a message. A writer may have 10,000 of them open, and JDeferred's own object takes 273 bytes before it has a
 * callback (measured on HotSpot 17, 64 bits). This one takes 40 as long as it has at most one callback for success and one for
 * failure; a program that asks for more gets JDeferred's own object, which is made then.
 */
public final class WritePromise implements Promise<Void, SinetStreamException, Void>, Outcome {
    private State state = State.PENDING;
    private SinetStreamException failure;
    private DoneCallback<? super Void> done;
    private FailCallback<? super SinetStreamException> fail;
    private DeferredObject<Void, SinetStreamException, Void> inflated;

    /**
     * Uses a promise once, so that the classes it needs are loaded; see {@code Needed} of the boundary. JDeferred loads its
     * own classes later.
     */
    static void rehearse() {
        WritePromise promise = new WritePromise();
        promise.done(nothing -> { }).fail(cause -> { });
        promise.settle(new SinetStreamException(""));
    }

    @Override
    public void settle(SinetStreamException cause) {
        DoneCallback<? super Void> onDone;
        FailCallback<? super SinetStreamException> onFail;
        DeferredObject<Void, SinetStreamException, Void> all;
        synchronized (this) {
            if (state != State.PENDING) {
                return;
            }
            state = cause == null ? State.RESOLVED : State.REJECTED;
            failure = cause;
            onDone = done;
            onFail = fail;
            all = inflated;
            done = null;
            fail = null;
        }
        if (all != null) {
            settle(all);
        } else if (cause == null && onDone != null) {
            runDone(onDone);
        } else if (cause != null && onFail != null) {
            runFail(onFail);
        }
    }

    private void settle(DeferredObject<Void, SinetStreamException, Void> all) {
        if (failure == null) {
            all.resolve(null);
        } else {
            all.reject(failure);
        }
    }

    private static void runDone(DoneCallback<? super Void> callback) {
        try {
            callback.onDone(null);
        } catch (Exception e) {
            threw(e);
        }
    }

    private void runFail(FailCallback<? super SinetStreamException> callback) {
        try {
            callback.onFail(failure);
        } catch (Exception e) {
            threw(e);
        }
    }

    private static void threw(Throwable e) {
        Log.LOGGER.log(Level.WARNING, "a callback of a message failed", e);
    }

    /** Replaces this promise by JDeferred's own object, with the callbacks that were added. */
    private Promise<Void, SinetStreamException, Void> inflate() {
        synchronized (this) {
            if (inflated != null) {
                return inflated.promise();
            }
            inflated = new Deferred();
            if (done != null) {
                inflated.done(done);
                done = null;
            }
            if (fail != null) {
                inflated.fail(fail);
                fail = null;
            }
            if (state == State.PENDING) {
                return inflated.promise();
            }
        }
        settle(inflated);
        return inflated.promise();
    }

    @Override
    public Promise<Void, SinetStreamException, Void> done(DoneCallback<? super Void> callback) {
        synchronized (this) {
            if (state == State.PENDING && inflated == null && done == null) {
                done = callback;
                return this;
            }
        }
        if (callback != null && isSettledAndSmall()) {
            if (failure == null) {
                runDone(callback);
            }
            return this;
        }
        inflate().done(callback);
        return this;
    }

    @Override
    public Promise<Void, SinetStreamException, Void> fail(FailCallback<? super SinetStreamException> callback) {
        synchronized (this) {
            if (state == State.PENDING && inflated == null && fail == null) {
                fail = callback;
                return this;
            }
        }
        if (callback != null && isSettledAndSmall()) {
            if (failure != null) {
                runFail(callback);
            }
            return this;
        }
        inflate().fail(callback);
        return this;
    }

    private synchronized boolean isSettledAndSmall() {
        return state != State.PENDING && inflated == null;
    }

    @Override
    public synchronized State state() {
        return state;
    }

    @Override
    public boolean isPending() {
        return state() == State.PENDING;
    }

    @Override
    public boolean isResolved() {
        return state() == State.RESOLVED;
    }

    @Override
    public boolean isRejected() {
        return state() == State.REJECTED;
    }

    @Override
    public Promise<Void, SinetStreamException, Void> then(DoneCallback<? super Void> onDone) {
        inflate().then(onDone);
        return this;
    }

    @Override
    public Promise<Void, SinetStreamException, Void> then(DoneCallback<? super Void> onDone,
            FailCallback<? super SinetStreamException> onFail) {
        inflate().then(onDone, onFail);
        return this;
    }

    @Override
    public Promise<Void, SinetStreamException, Void> then(DoneCallback<? super Void> onDone,
            FailCallback<? super SinetStreamException> onFail, ProgressCallback<? super Void> onProgress) {
        inflate().then(onDone, onFail, onProgress);
        return this;
    }

    @Override
    public <D> Promise<D, SinetStreamException, Void> filter(DoneFilter<? super Void, ? extends D> onDone) {
        return inflate().filter(onDone);
    }

    @Override
    public <D, F> Promise<D, F, Void> filter(DoneFilter<? super Void, ? extends D> onDone,
            FailFilter<? super SinetStreamException, ? extends F> onFail) {
        return inflate().filter(onDone, onFail);
    }

    @Override
    public <D, F, P> Promise<D, F, P> filter(DoneFilter<? super Void, ? extends D> onDone,
            FailFilter<? super SinetStreamException, ? extends F> onFail,
            ProgressFilter<? super Void, ? extends P> onProgress) {
        return inflate().filter(onDone, onFail, onProgress);
    }

    @Override
    public <D> Promise<D, SinetStreamException, Void> pipe(
            DonePipe<? super Void, ? extends D, ? extends SinetStreamException, ? extends Void> onDone) {
        return inflate().pipe(onDone);
    }

    @Override
    public <D, F> Promise<D, F, Void> pipe(DonePipe<? super Void, ? extends D, ? extends F, ? extends Void> onDone,
            FailPipe<? super SinetStreamException, ? extends D, ? extends F, ? extends Void> onFail) {
        return inflate().pipe(onDone, onFail);
    }

    @Override
    public <D, F, P> Promise<D, F, P> pipe(DonePipe<? super Void, ? extends D, ? extends F, ? extends P> onDone,
            FailPipe<? super SinetStreamException, ? extends D, ? extends F, ? extends P> onFail,
            ProgressPipe<? super Void, ? extends D, ? extends F, ? extends P> onProgress) {
        return inflate().pipe(onDone, onFail, onProgress);
    }

    @Override
    public <D, F> Promise<D, F, Void> pipeAlways(
            AlwaysPipe<? super Void, ? super SinetStreamException, ? extends D, ? extends F, ? extends Void> always) {
        return inflate().pipeAlways(always);
    }

    @Override
    public Promise<Void, SinetStreamException, Void> always(
            AlwaysCallback<? super Void, ? super SinetStreamException> callback) {
        inflate().always(callback);
        return this;
    }

    @Override
    public Promise<Void, SinetStreamException, Void> progress(ProgressCallback<? super Void> callback) {
        inflate().progress(callback);
        return this;
    }

    @Override
    public void waitSafely() throws InterruptedException {
        inflate().waitSafely();
    }

    @Override
    public void waitSafely(long millis) throws InterruptedException {
        inflate().waitSafely(millis);
    }

    /** Runs several callbacks, one after the other. JDeferred itself would skip the remaining ones after an Error. */
    private static final class Deferred extends DeferredObject<Void, SinetStreamException, Void> {
        @Override
        protected void triggerDone(DoneCallback<? super Void> callback, Void nothing) {
            try {
                super.triggerDone(callback, nothing);
            } catch (Error e) {
                threw(e);
            }
            ClientThreads.restoreLoader();
        }

        @Override
        protected void triggerFail(FailCallback<? super SinetStreamException> callback, SinetStreamException cause) {
            try {
                super.triggerFail(callback, cause);
            } catch (Error e) {
                threw(e);
            }
            ClientThreads.restoreLoader();
        }

        @Override
        protected void triggerAlways(AlwaysCallback<? super Void, ? super SinetStreamException> callback, State ended,
                Void nothing, SinetStreamException cause) {
            try {
                super.triggerAlways(callback, ended, nothing, cause);
            } catch (Error e) {
                threw(e);
            }
            ClientThreads.restoreLoader();
        }
    }
}
