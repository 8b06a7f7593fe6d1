package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.lang.ref.WeakReference;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Flow;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;

import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.LogCapture;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Proxy;
import jp.ad.sinet.stream.testing.Subscriber;
import jp.ad.sinet.stream.testing.Worker;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageReaderFactory.MessageReaderFactoryBuilder;

/** An asynchronous reader as a publisher of Reactive Streams; {@code PublisherRulesTest} checks the rules. */
@Timeout(120)
@ExtendWith(NoLeaks.class)
class PublisherTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    private static final Duration LIMIT = Duration.ofSeconds(10);

    private final String topic = Clients.topic();

    private MessageReaderFactoryBuilder<String> builder() {
        return Clients.textReader(BROKER.open(), topic).consistency(Consistency.AT_LEAST_ONCE);
    }

    private AsyncMessageReader<String> open() {
        return builder().build().getAsyncReader();
    }

    private void write(int from, int to) {
        try (MessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic).consistency(Consistency.AT_LEAST_ONCE).build()
                .getWriter()) {
            IntStream.range(from, to).forEach(number -> writer.write(String.valueOf(number)));
        }
    }

    private static long taken(MessageIO reader) {
        return reader.getMetrics().getMsgCountTotal();
    }

    @Test
    void noMessageIsTakenThatWasNotRequested() {
        try (AsyncMessageReader<String> reader = open()) {
            Subscriber subscriber = new Subscriber(0);
            reader.publisher().subscribe(subscriber);
            write(0, 100);
            Await.until("all are here", () -> Long.valueOf(100).equals(reader.getInfo("connection.inbox_messages")));
            assertEquals(0, taken(reader));
            for (int number : new int[] {3, 2, 40, 1}) {
                int before = (int) taken(reader);
                subscriber.subscription.request(number);
                subscriber.expect(before, before + number);
                assertEquals(before + number, taken(reader));
            }
            subscriber.subscription.request(Long.MAX_VALUE);
            subscriber.expect(46, 100);
            assertEquals(List.of(), List.copyOf(subscriber.messages));
        }
    }

    @Test
    void whatIsNotRequestedStaysWithTheBroker() {
        int few = 10;
        int all = 500;
        try (AsyncMessageReader<String> reader = builder().parameter("max_received_messages", few)
                .deserializer(bytes -> new String(bytes, StandardCharsets.UTF_8).trim()).build().getAsyncReader();
                MessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic).consistency(Consistency.AT_LEAST_ONCE).build()
                        .getWriter()) {
            Subscriber subscriber = new Subscriber(1);
            reader.publisher().subscribe(subscriber);
            // So large that what is read at once has few of them: that is still taken when the inbox is full.
            IntStream.range(0, all).forEach(number -> writer.write(String.format("%-10000d", number)));
            subscriber.expect(0, 1);
            Await.until("the inbox is full", () -> (Long) reader.getInfo("connection.inbox_messages") >= few);
            assertTrue((Long) reader.getInfo("connection.inbox_messages") < all / 2, () -> String.valueOf(reader.getInfo()));
            subscriber.subscription.request(all);
            subscriber.expect(1, all);
        }
    }

    @Test
    void aCloseCompletesAndNothingFollowsIt() {
        Subscriber late = new Subscriber(1);
        Subscriber subscriber = new Subscriber(1);
        AsyncMessageReader<String> reader = open();
        reader.publisher().subscribe(subscriber);
        write(0, 2);
        subscriber.expect(0, 1);
        reader.close();
        assertEquals("complete", subscriber.end());
        subscriber.subscription.request(1);
        subscriber.subscription.cancel();
        reader.publisher().subscribe(late);
        assertEquals("complete", late.end());
        assertEquals(0, subscriber.ends.size() + subscriber.messages.size());
    }

    @Test
    void theEndOfTheReaderIsAnError() throws Exception {
        try (Proxy proxy = new Proxy(BROKER.openPort());
                AsyncMessageReader<String> reader = Clients.textReader(proxy.address(), topic).parameter("connect",
                        Map.of("automatic_reconnect", false)).build().getAsyncReader()) {
            Subscriber subscriber = new Subscriber(0);
            reader.publisher().subscribe(subscriber);
            proxy.cut();
            assertInstanceOf(SinetStreamIOException.class, subscriber.end());
            Subscriber late = new Subscriber(1);
            reader.publisher().subscribe(late);
            assertInstanceOf(SinetStreamIOException.class, late.end());
            reader.closeWithin(LIMIT);
            Subscriber tooLate = new Subscriber(1);
            reader.publisher().subscribe(tooLate);
            tooLate.end();
            assertEquals(0, subscriber.ends.size() + late.ends.size());
        }
    }

    @Test
    void aLoginThatIsRefusedOnTheWayBackIsAnError() throws Exception {
        try (Proxy proxy = new Proxy(BROKER.openPort());
                AsyncMessageReader<String> reader = Clients.textReader(proxy.address(), topic)
                        .parameter("reconnect_delay", Map.of("min_delay", 0.02, "max_delay", 0.1)).build().getAsyncReader()) {
            Subscriber subscriber = new Subscriber(1);
            reader.publisher().subscribe(subscriber);
            proxy.target(BROKER.loginPort());
            proxy.cut();
            assertInstanceOf(AuthenticationException.class, subscriber.end());
        }
    }

    @Test
    void eachOfSeveralSubscribersGetsEachMessageAndTheSlowestSetsThePace() {
        try (AsyncMessageReader<String> reader = open()) {
            Subscriber quick = new Subscriber(Long.MAX_VALUE);
            Subscriber slow = new Subscriber(2);
            Subscriber callback = new Subscriber(0);
            reader.publisher().subscribe(quick);
            reader.publisher().subscribe(slow);
            reader.addOnMessageCallback(callback::onNext);
            write(0, 50);
            for (Subscriber each : List.of(quick, slow, callback)) {
                each.expect(0, 2);
            }
            assertEquals(2, taken(reader));
            slow.subscription.cancel();
            quick.expect(2, 50);
            callback.expect(2, 50);
            assertEquals(0, slow.messages.size() + slow.ends.size());
        }
    }

    @Test
    void withManualAcknowledgementsOnlyWhatIsAcknowledgedDoesNotComeAgain() {
        String id = "reactive-" + topic.replace('/', '-');
        try (AsyncMessageReader<String> reader = Worker.builder(BROKER.open(), topic, id).acknowledge(Acknowledge.MANUAL).build()
                .getAsyncReader()) {
            write(0, 6);
            Subscriber subscriber = new Subscriber(6);
            reader.publisher().subscribe(subscriber);
            for (int number = 0; number < 6; number++) {
                Message<String> message = subscriber.next();
                if (number < 3) {
                    reader.acknowledge(message);
                }
            }
        }
        comesAgain(id, 3, 6);
    }

    @Test
    void aMessageForWhichTheSubscriberThrowsComesAgainAndIsItsLast() {
        String id = "reactive-" + topic.replace('/', '-');
        try (LogCapture log = new LogCapture(); AsyncMessageReader<String> reader = Worker.builder(BROKER.open(), topic, id).build()
                .getAsyncReader()) {
            write(0, 4);
            Subscriber subscriber = new Subscriber(4) {
                @Override
                public void onNext(Message<String> message) {
                    super.onNext(message);
                    if (message.getValue().equals("1")) {
                        throw new IllegalStateException("on purpose");
                    }
                }
            };
            reader.publisher().subscribe(subscriber);
            subscriber.expect(0, 2);
            Await.until("the log", () -> log.warnings().contains("a callback of a reader failed"));
            reader.closeWithin(LIMIT);
            assertEquals(0, subscriber.messages.size() + subscriber.ends.size());
        }
        comesAgain(id, 1, 4);
    }

    private void comesAgain(String id, int from, int to) {
        try (AsyncMessageReader<String> reader = Worker.builder(BROKER.open(), topic, id).build().getAsyncReader()) {
            Subscriber subscriber = new Subscriber(Long.MAX_VALUE);
            reader.publisher().subscribe(subscriber);
            subscriber.expect(from, to);
        }
    }

    @Test
    void aMessageThatCanNotBeDecodedIsLeftOut() {
        try (LogCapture log = new LogCapture(); AsyncMessageReader<String> reader = builder().deserializer(bytes -> {
            if (bytes.length == 1) {
                throw new IllegalArgumentException("on purpose");
            }
            return new String(bytes);
        }).build().getAsyncReader()) {
            Subscriber subscriber = new Subscriber(2);
            reader.publisher().subscribe(subscriber);
            write(8, 12);
            subscriber.expect(10, 12);
            assertEquals(1, log.warnings().stream().filter(line -> line.contains("can't be decoded")).count(), () -> log.warnings().toString());
            assertEquals(2, reader.getMetrics().getErrorCountTotal());
        }
    }

    @Test
    void whoRequestsNothingIsToldSo() {
        try (AsyncMessageReader<String> reader = open()) {
            for (long wrong : new long[] {-1, Long.MIN_VALUE}) {
                Subscriber early = new Subscriber(wrong);
                reader.publisher().subscribe(early);
                assertTrue(assertInstanceOf(IllegalArgumentException.class, early.end()).getMessage().contains("3.9"));
            }
            Subscriber subscriber = new Subscriber(1);
            reader.publisher().subscribe(subscriber);
            subscriber.subscription.request(0);
            assertInstanceOf(IllegalArgumentException.class, subscriber.end());
            assertThrows(NullPointerException.class, () -> reader.publisher().subscribe(null));
        }
    }

    /** This holds also when its messages wait for an executor. */
    @Test
    void aSubscriberThatIsNotSubscribedAnyMoreIsForgotten() {
        ExecutorService executor = Executors.newSingleThreadExecutor();
        try (AsyncMessageReader<String> reader = builder().executor(executor).build().getAsyncReader()) {
            Subscriber subscriber = new Subscriber(1);
            reader.publisher().subscribe(subscriber);
            write(0, 1);
            subscriber.expect(0, 1);
            WeakReference<Subscriber> reference = new WeakReference<>(subscriber);
            Flow.Subscription subscription = subscriber.subscription;
            subscription.cancel();
            subscriber = null;
            Await.until("it is collected", () -> {
                System.gc();
                return reference.get() == null;
            });
            subscription.request(1);
        } finally {
            executor.shutdown();
        }
    }

    /** A subscriber that cancels during the delivery of a message has received it, and the next subscriber does not lose it. */
    @Test
    void aMessageIsGivenToWhoeverListenedWhenItWasTaken() throws Exception {
        CountDownLatch inside = new CountDownLatch(1);
        CountDownLatch goOn = new CountDownLatch(1);
        try (AsyncMessageReader<String> reader = open()) {
            Subscriber first = new Subscriber(Long.MAX_VALUE) {
                @Override
                public void onNext(Message<String> message) {
                    super.onNext(message);
                    inside.countDown();
                    Await.opened(goOn);
                }
            };
            Subscriber second = new Subscriber(Long.MAX_VALUE);
            reader.publisher().subscribe(first);
            reader.publisher().subscribe(second);
            write(0, 3);
            Await.opened(inside);
            first.subscription.cancel();
            second.subscription.cancel();
            goOn.countDown();
            Subscriber third = new Subscriber(Long.MAX_VALUE);
            reader.publisher().subscribe(third);
            third.expect(1, 3);
            first.expect(0, 1);
            second.expect(0, 1);
            assertEquals(0, first.messages.size() + second.messages.size());
        }
    }

    @Test
    void aPluginsReaderHasAPublisherToo() {
        ByteArrayInputStream in = new ByteArrayInputStream("0".getBytes(StandardCharsets.UTF_8));
        try (AsyncMessageReader<String> reader = MessageReaderFactory.<String>builder().noConfig(true).type("iostream")
                .valueType(SimpleValueType.TEXT).parameter("user_data_only", true)
                .parameter("iostream", Map.of("input_stream", in)).build().getAsyncReader()) {
            Subscriber subscriber = new Subscriber(0);
            reader.publisher().subscribe(subscriber);
            assertEquals(1, in.available(), "nothing is read that was not requested");
            subscriber.subscription.request(1);
            subscriber.expect(0, 1);
            reader.closeWithin(LIMIT);
            assertEquals("complete", subscriber.end());
        }
    }
}
