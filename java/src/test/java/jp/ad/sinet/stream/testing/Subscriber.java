package jp.ad.sinet.stream.testing;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

import jp.ad.sinet.stream.api.Message;

/** A subscriber that requests messages as the test asks, and keeps its signals. */
public class Subscriber implements Flow.Subscriber<Message<String>> {
    public final BlockingQueue<Message<String>> messages = new LinkedBlockingQueue<>();
    /** The signals of the end: the message of a failure, or "complete". */
    public final BlockingQueue<Object> ends = new LinkedBlockingQueue<>();
    public volatile Flow.Subscription subscription;
    private final long first;

    /** {@code first} is the number of messages that it requests when it subscribes. */
    public Subscriber(long first) {
        this.first = first;
    }

    @Override
    public void onSubscribe(Flow.Subscription given) {
        subscription = given;
        if (first != 0) {
            given.request(first);
        }
    }

    @Override
    public void onNext(Message<String> message) {
        messages.add(message);
    }

    @Override
    public void onError(Throwable cause) {
        ends.add(cause);
    }

    @Override
    public void onComplete() {
        ends.add("complete");
    }

    private static <T> T next(BlockingQueue<T> queue, String what) {
        try {
            T next = queue.poll(20, TimeUnit.SECONDS);
            assertNotNull(next, what);
            return next;
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** Waits for the next message. */
    public Message<String> next() {
        return next(messages, "a message");
    }

    /** Waits for messages with these values, in this order. */
    public void expect(int from, int to) {
        for (int number = from; number < to; number++) {
            assertEquals(String.valueOf(number), next().getValue());
        }
    }

    /** Waits for the last signal and returns it. */
    public Object end() {
        return next(ends, "the end");
    }
}
