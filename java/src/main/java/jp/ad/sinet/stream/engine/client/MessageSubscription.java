package jp.ad.sinet.stream.engine.client;

import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.engine.jvm.Log;

/**
 * A subscriber of Reactive Streams that hears the messages of an asynchronous reader, as many as it has requested. The rules
 * (1.x, 3.x) are those of the specification of Reactive Streams for the JVM, version 1.0.4.
 */
public final class MessageSubscription<T> implements Flow.Subscription, MessageListener<T> {
    private final MessageCallbacks<T> callbacks;
    private final AtomicLong demand = new AtomicLong();
    /** After the first of cancellation, completion and failure there is no other (1.6, 1.7, 3.6). */
    private final AtomicBoolean over = new AtomicBoolean();
    /** Null when nothing comes any more (3.13). */
    private volatile Flow.Subscriber<? super Message<T>> subscriber;
    private boolean warned;
    /** Guarded by this: the subscriber knows of its subscription, and can be told more (1.3, 1.9). */
    private boolean begun;
    /** Guarded by this: what is to be told then. */
    private Throwable early;

    MessageSubscription(MessageCallbacks<T> callbacks, Flow.Subscriber<? super Message<T>> subscriber) {
        this.callbacks = callbacks;
        this.subscriber = subscriber;
    }

    /** The subscriber knows of it; false if it is over already, or about to be. */
    boolean begin() {
        Throwable cause;
        synchronized (this) {
            begun = true;
            cause = early;
        }
        if (cause != null) {
            fail(cause);
        }
        return cause == null && !over.get();
    }

    boolean isOver() {
        return over.get();
    }

    @Override
    public void request(long count) {
        if (over.get()) {
            return; // 3.6
        } else if (count <= 0) {
            fail(new IllegalArgumentException("rule 3.9 of Reactive Streams: a subscriber must request at least 1 message, and not "
                    + count));
            return;
        }
        demand.getAndUpdate(before -> before + count < 0 ? Long.MAX_VALUE : before + count); // 3.17
        callbacks.news();
    }

    @Override
    public void cancel() {
        if (over.compareAndSet(false, true)) {
            callbacks.remove(this);
            callbacks.submit(this::forget); // a message that was taken for it before is still given to it (2.8)
        }
    }

    /** It ends with this failure, as soon as what is being given to it has been. */
    public void fail(Throwable cause) {
        synchronized (this) {
            if (!begun) {
                early = cause;
                return;
            }
        }
        callbacks.submit(() -> end(cause));
    }

    private void forget() {
        subscriber = null;
    }

    @Override
    public long demand() {
        return demand.get();
    }

    /** Rule 2.13: after an exception nothing more is given to the subscriber. */
    @Override
    public boolean isPatient() {
        return false;
    }

    @Override
    public void message(Message<T> message) {
        Flow.Subscriber<? super Message<T>> current = subscriber;
        demand.getAndUpdate(before -> before == Long.MAX_VALUE ? before : before - 1);
        try {
            current.onNext(message);
        } catch (Throwable e) {
            cancel();
            throw e;
        }
    }

    /** An error would be the end, and anybody may send a message that is none. */
    @Override
    public void failed(Throwable failure) {
        if (!warned) {
            warned = true;
            Log.LOGGER.warning("a subscriber is not given a message that can't be decoded; further ones are left out without a word,"
                    + " and counted as errors: " + failure.getMessage());
        }
    }

    @Override
    public void ended(SinetStreamException cause) {
        end(cause);
    }

    @Override
    public void closed() {
        end(null);
    }

    /** {@code cause}: null when it is complete. */
    private void end(Throwable cause) {
        Flow.Subscriber<? super Message<T>> last = subscriber;
        if (!over.compareAndSet(false, true)) {
            return;
        }
        forget();
        callbacks.remove(this);
        if (cause == null) {
            last.onComplete();
        } else {
            last.onError(cause);
        }
    }
}
