package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Stream;

import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.opentest4j.TestAbortedException;
import org.reactivestreams.tck.TestEnvironment;
import org.reactivestreams.tck.flow.FlowPublisherVerification;
import org.testng.SkipException;

import jp.ad.sinet.stream.testing.Background;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Proxy;
import jp.ad.sinet.stream.testing.Subscriber;

/** The rules of Reactive Streams for publishers and subscriptions, checked by the specification's TCK. */
@Timeout(300)
@ExtendWith(NoLeaks.class)
class PublisherRulesTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    /** How long the TCK waits for a signal, which arrives long before. */
    private static final long LIMIT_MILLIS = 20_000;
    /** How long the TCK watches for a signal that must not come. */
    private static final long QUIET_MILLIS = 20;
    private static final Set<String> LEFT_OUT = Set.of(
            // The TCK expects that a subscriber is forgotten within a fixed time; PublisherTest waits for it.
            "required_spec313_cancelMustMakeThePublisherEventuallyDropAllReferencesToTheSubscriber",
            // One subscriber would have to get messages that others have not requested, which is optional for a publisher.
            "optional_spec111_registeredSubscribersMustReceiveOnNextOrOnCompleteSignals",
            "optional_spec111_multicast_mustProduceTheSameElementsInTheSameSequenceToAllOfItsSubscribersWhenRequestingOneByOne");
    /** More messages than a test of the TCK takes from an endless stream. */
    private static final long ENOUGH = 1000;

    private static final class Rules extends FlowPublisherVerification<Message<String>> {
        private final List<AutoCloseable> open = new ArrayList<>();

        Rules() {
            super(new TestEnvironment(LIMIT_MILLIS, QUIET_MILLIS));
        }

        private synchronized <C extends AutoCloseable> C opened(C client) {
            open.add(client);
            return client;
        }

        synchronized void close() throws Exception {
            for (AutoCloseable each : open) {
                each.close();
            }
            open.clear();
        }

        @Override
        public long maxElementsFromPublisher() {
            return Long.MAX_VALUE - 1; // Long.MAX_VALUE would mean that the stream cannot complete
        }

        /** Returns the publisher of a reader that is closed when a subscriber has had the given number of messages. */
        @Override
        public Flow.Publisher<Message<String>> createFlowPublisher(long elements) {
            String topic = Clients.topic();
            AsyncMessageReader<String> reader = opened(Clients.textReader(BROKER.open(), topic).build().getAsyncReader());
            try (MessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic).build().getWriter()) {
                for (long number = 0; number < Math.min(elements, ENOUGH); number++) {
                    writer.write(String.valueOf(number));
                }
                writer.flush();
            }
            Flow.Publisher<Message<String>> publisher = reader.publisher();
            return subscriber -> {
                publisher.subscribe(subscriber == null ? null : new Counting(subscriber, elements, reader));
                if (elements == 0) {
                    reader.close();
                }
            };
        }

        /** Returns the publisher of a reader whose connection is lost for good. */
        @Override
        public Flow.Publisher<Message<String>> createFailedFlowPublisher() {
            try {
                Proxy proxy = opened(new Proxy(BROKER.openPort()));
                AsyncMessageReader<String> reader = opened(Clients.textReader(proxy.address(), Clients.topic())
                        .parameter("connect", Map.of("automatic_reconnect", false)).build().getAsyncReader());
                Subscriber first = new Subscriber(0);
                reader.publisher().subscribe(first);
                proxy.cut();
                first.end();
                return reader.publisher();
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        }
    }

    private static final class Counting implements Flow.Subscriber<Message<String>> {
        private final Flow.Subscriber<? super Message<String>> subscriber;
        private final AsyncMessageReader<String> reader;
        private final AtomicBoolean closed = new AtomicBoolean();
        private long left;

        Counting(Flow.Subscriber<? super Message<String>> subscriber, long elements, AsyncMessageReader<String> reader) {
            this.subscriber = subscriber;
            this.reader = reader;
            left = elements;
        }

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            subscriber.onSubscribe(subscription);
        }

        @Override
        public void onNext(Message<String> message) {
            left--;
            if (left <= 0 && closed.compareAndSet(false, true)) {
                Background.run(reader::close); // the close waits for this call to return
            }
            subscriber.onNext(message);
        }

        @Override
        public void onError(Throwable cause) {
            subscriber.onError(cause);
        }

        @Override
        public void onComplete() {
            subscriber.onComplete();
        }
    }

    private static void check(Method rule) throws Throwable {
        Rules rules = new Rules();
        try {
            rules.setUp();
            rule.invoke(rules);
        } catch (InvocationTargetException e) {
            throw e.getCause() instanceof SkipException ? new TestAbortedException(e.getCause().getMessage()) : e.getCause();
        } finally {
            rules.close();
        }
    }

    @TestFactory
    Stream<DynamicTest> theRulesAreKept() {
        return Arrays.stream(Rules.class.getMethods())
                .filter(method -> method.isAnnotationPresent(org.testng.annotations.Test.class))
                .filter(method -> !LEFT_OUT.contains(method.getName()) && !method.getName().startsWith("untested"))
                .map(method -> dynamicTest(method.getName(), () -> check(method)));
    }
}
