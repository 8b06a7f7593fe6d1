package jp.ad.sinet.stream.engine.client;

import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.engine.jvm.Log;

/**
 * The subscription of a Reactive Streams subscriber to an asynchronous reader. It delivers as many messages as the subscriber
 * has requested. The rules (1.x, 3.x) are those of the specification of Reactive Streams for the JVM, version 1.0.4.
 */
public final class MessageSubscription<T> implements Flow.Subscription, MessageListener<T> {
    private final MessageCallbacks<T> callbacks;
    private final AtomicLong demand = new AtomicLong();
    /** Set by the first of cancellation, completion and failure; no other follows (1.6, 1.7, 3.6). */
    private final AtomicBoolean over = new AtomicBoolean();
    /** Null after the end of the subscription (3.13). */
    private volatile Flow.Subscriber<? super Message<T>> subscriber;
    private boolean warned;
    /** Whether {@code onSubscribe} has returned, so that other signals may follow (1.3, 1.9); guarded by this. */
    private boolean begun;
    /** The failure to signal once {@code onSubscribe} has returned; guarded by this. */
    private Throwable early;

    MessageSubscription(MessageCallbacks<T> callbacks, Flow.Subscriber<? super Message<T>> subscriber) {
        this.callbacks = callbacks;
        this.subscriber = subscriber;
    }

    /** Signals {@code onSubscribe}. Returns false if the subscription has ended, or is about to. */
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
            return; // rule 3.6
        } else if (count <= 0) {
            fail(new IllegalArgumentException("rule 3.9 of Reactive Streams: a subscriber must request at least 1 message, and not "
                    + count));
            return;
        }
        demand.getAndUpdate(before -> before + count < 0 ? Long.MAX_VALUE : before + count); // rule 3.17
        callbacks.news();
    }

    @Override
    public void cancel() {
        if (over.compareAndSet(false, true)) {
            callbacks.remove(this);
            callbacks.submit(this::forget); // a message that was fetched before is still delivered (2.8)
        }
    }

    /** Ends the subscription with a failure, after the delivery that is in progress. */
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

    /** Returns false: by rule 2.13 a subscriber that has thrown gets nothing more. */
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

    /** Ignores an undecodable message: {@code onError} would end the subscription, and anybody can publish such a message. */
    @Override
    public void failed(Throwable failure) {
        if (!warned) {
            warned = true;
            Log.LOGGER.warning("a subscriber is not given a message that can't be decoded; further ones are skipped silently,"
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

    /** Ends the subscription. {@code cause} is null for a normal completion. */
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
