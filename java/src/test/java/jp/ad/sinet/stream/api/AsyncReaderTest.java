package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Proxy;
import jp.ad.sinet.stream.utils.MessageReaderFactory.MessageReaderFactoryBuilder;

@Timeout(120)
@ExtendWith(NoLeaks.class)
class AsyncReaderTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    private static MessageReaderFactoryBuilder<String> reader(String topic) {
        return Clients.textReader(BROKER.open(), topic).consistency(Consistency.AT_LEAST_ONCE);
    }

    private static MessageWriter<String> writer(String topic) {
        return Clients.textWriter(BROKER.open(), topic).consistency(Consistency.AT_LEAST_ONCE).build().getWriter();
    }

    private static String next(BlockingQueue<String> queue) throws InterruptedException {
        String value = queue.poll(20, TimeUnit.SECONDS);
        assertNotNull(value, "a message");
        return value;
    }

    @ParameterizedTest
    @EnumSource(Consistency.class)
    void messagesComeInOrderAlsoThoseBeforeTheFirstCallback(Consistency consistency) throws Exception {
        String topic = Clients.topic();
        BlockingQueue<String> values = new LinkedBlockingQueue<>();
        try (AsyncMessageReader<String> reader = reader(topic).consistency(consistency).build().getAsyncReader();
                MessageWriter<String> writer = writer(topic)) {
            writer.write("0");
            Await.until("it waits", () -> Long.valueOf(1).equals(reader.getInfo("connection.inbox_messages")));
            reader.addOnMessageCallback(message -> values.add(message.getValue()));
            for (int i = 1; i < 300; i++) {
                writer.write(String.valueOf(i));
            }
            for (int i = 0; i < 300; i++) {
                assertEquals(String.valueOf(i), next(values));
            }
            assertEquals(300, reader.getMetrics().getMsgCountTotal());
            Await.until("all are taken", () -> Long.valueOf(0).equals(reader.getInfo("connection.inbox_messages")));
        }
    }

    @Test
    void eachCallbackGetsEachMessageOnceAndNoneAfterItsRemoval() throws Exception {
        String topic = Clients.topic();
        BlockingQueue<String> first = new LinkedBlockingQueue<>();
        BlockingQueue<String> second = new LinkedBlockingQueue<>();
        Consumer<Message<String>> one = message -> first.add(message.getValue());
        Consumer<Message<String>> two = message -> second.add(message.getValue());
        try (AsyncMessageReader<String> reader = reader(topic).build().getAsyncReader();
                MessageWriter<String> writer = writer(topic)) {
            reader.addOnMessageCallback(one);
            reader.addOnMessageCallback(one);
            reader.addOnMessageCallback(two);
            writer.write("a");
            assertEquals("a", next(first));
            assertEquals("a", next(second));
            reader.removeOnMessageCallback(one);
            writer.write("b");
            assertEquals("b", next(second));
            assertTrue(first.isEmpty());
            reader.clearOnMessageCallback();
            writer.write("c");
            Await.until("it waits", () -> Long.valueOf(1).equals(reader.getInfo("connection.inbox_messages")));
            reader.addOnMessageCallback(one);
            assertEquals("c", next(first));
            assertTrue(second.isEmpty());
            assertEquals(3, reader.getMetrics().getMsgCountTotal());
        }
    }

    @Test
    void aBadMessageIsAFailureAndTheReaderGoesOn() throws Exception {
        aBadMessage(new IllegalArgumentException("meant to be"), SinetStreamIOException.class);
    }

    @Test
    void anyErrorOfADeserializerIsAFailureAndTheReaderGoesOn() throws Exception {
        aBadMessage(new NoClassDefFoundError("meant to be"), NoClassDefFoundError.class);
    }

    private static void aBadMessage(Throwable thrown, Class<? extends Throwable> told) throws Exception {
        String topic = Clients.topic();
        BlockingQueue<String> values = new LinkedBlockingQueue<>();
        BlockingQueue<Throwable> failures = new LinkedBlockingQueue<>();
        try (AsyncMessageReader<String> reader = reader(topic).deserializer(bytes -> {
            if (bytes.length != 3) {
                return new String(bytes);
            }
            if (thrown instanceof Error) {
                throw (Error) thrown;
            }
            throw (RuntimeException) thrown;
        }).build().getAsyncReader(); MessageWriter<String> writer = writer(topic)) {
            reader.addOnMessageCallback(message -> values.add(message.getValue()), failures::add);
            writer.write("bad");
            writer.write("good");
            assertEquals("good", next(values));
            assertInstanceOf(told, failures.poll(10, TimeUnit.SECONDS));
        }
    }

    @Test
    void aMessageThatIsUnderWayWhenTheCallbacksAreTakenAwayIsNotLost() throws Exception {
        String topic = Clients.topic();
        BlockingQueue<String> values = new LinkedBlockingQueue<>();
        AtomicReference<AsyncMessageReader<String>> itself = new AtomicReference<>();
        try (AsyncMessageReader<String> reader = reader(topic).deserializer(bytes -> {
            itself.get().clearOnMessageCallback();
            return new String(bytes);
        }).build().getAsyncReader(); MessageWriter<String> writer = writer(topic)) {
            itself.set(reader);
            for (String value : List.of("1", "2", "3")) {
                writer.write(value);
            }
            for (String value : List.of("1", "2", "3")) {
                reader.addOnMessageCallback(message -> values.add(message.getValue()));
                assertEquals(value, next(values));
            }
        }
    }

    @Test
    void theEndOfTheConnectionIsAFailure() throws Exception {
        BlockingQueue<Throwable> failures = new LinkedBlockingQueue<>();
        try (Proxy proxy = new Proxy(BROKER.openPort());
                AsyncMessageReader<String> reader = Clients.textReader(proxy.address(), Clients.topic())
                        .parameter("connect", Map.of("automatic_reconnect", false)).build().getAsyncReader()) {
            reader.addOnMessageCallback(message -> { }, failures::add);
            proxy.cut();
            assertInstanceOf(SinetStreamIOException.class, failures.poll(10, TimeUnit.SECONDS));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"throws", "blocks", "writes", "adds", "closes"})
    void aCallbackHarmsNobodyElse(String what) throws Exception {
        String topic = Clients.topic();
        BlockingQueue<String> values = new LinkedBlockingQueue<>();
        CountDownLatch done = new CountDownLatch(1);
        AsyncMessageReader<String> reader = reader(topic).build().getAsyncReader();
        try (MessageWriter<String> writer = writer(topic); MessageWriter<String> other = writer(topic + "/other")) {
            reader.addOnMessageCallback(message -> {
                if (!message.getValue().equals("first")) {
                    return;
                }
                try {
                    switch (what) {
                        case "throws":
                            throw new IllegalStateException("meant to be");
                        case "blocks":
                            TimeUnit.SECONDS.sleep(1);
                            break;
                        case "writes":
                            other.write("x");
                            break;
                        case "adds":
                            reader.addOnMessageCallback(each -> { });
                            break;
                        default:
                            reader.close();
                    }
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                } finally {
                    done.countDown();
                }
            });
            reader.addOnMessageCallback(message -> values.add(message.getValue()));
            writer.write("first");
            writer.write("second");
            assertTrue(done.await(20, TimeUnit.SECONDS));
            assertEquals("first", next(values));
            if (!what.equals("closes")) {
                assertEquals("second", next(values));
            }
        } finally {
            reader.close();
        }
    }

    @Test
    void aSlowCallbackStopsTheReading() throws Exception {
        String topic = Clients.topic();
        CountDownLatch goOn = new CountDownLatch(1);
        BlockingQueue<String> values = new LinkedBlockingQueue<>();
        try (AsyncMessageReader<String> reader = reader(topic).parameter("max_received_messages", 10).build()
                .getAsyncReader(); MessageWriter<String> writer = writer(topic)) {
            reader.addOnMessageCallback(message -> {
                try {
                    assertTrue(goOn.await(20, TimeUnit.SECONDS));
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
                values.add(message.getValue());
            });
            for (int i = 0; i < 200; i++) {
                writer.write(String.valueOf(i));
            }
            assertTrue((Long) reader.getInfo("connection.inbox_messages") < 100);
            goOn.countDown();
            for (int i = 0; i < 200; i++) {
                assertEquals(String.valueOf(i), next(values));
            }
        }
    }

    @Test
    void onAnExecutorTheOrderIsKeptAndAfterCloseNothingComes() throws Exception {
        String topic = Clients.topic();
        BlockingQueue<String> values = new LinkedBlockingQueue<>();
        ExecutorService pool = Executors.newFixedThreadPool(4, task -> new Thread(task, "pool"));
        List<String> threads = new java.util.concurrent.CopyOnWriteArrayList<>();
        AsyncMessageReader<String> reader = reader(topic).executor(pool).build().getAsyncReader();
        try (MessageWriter<String> writer = writer(topic)) {
            reader.addOnMessageCallback(message -> {
                threads.add(Thread.currentThread().getName());
                values.add(message.getValue());
            });
            for (int i = 0; i < 200; i++) {
                writer.write(String.valueOf(i));
            }
            for (int i = 0; i < 200; i++) {
                assertEquals(String.valueOf(i), next(values));
            }
            assertTrue(threads.stream().allMatch("pool"::equals), threads::toString);
            reader.close();
            writer.write("late");
            assertTrue(values.isEmpty());
        } finally {
            reader.close();
            pool.shutdown();
        }
    }

    @Test
    void aDelayIsNotAnEnd() throws Exception {
        String topic = Clients.topic();
        BlockingQueue<String> values = new LinkedBlockingQueue<>();
        try (Proxy proxy = new Proxy(BROKER.openPort());
                AsyncMessageReader<String> reader = Clients.textReader(proxy.address(), topic)
                        .parameter("reconnect_delay", Map.of("min_delay", 0.02, "max_delay", 0.1))
                        .consistency(Consistency.AT_LEAST_ONCE).build().getAsyncReader();
                MessageWriter<String> writer = writer(topic)) {
            reader.addOnMessageCallback(message -> values.add(message.getValue()));
            proxy.cut();
            Await.until(Duration.ofSeconds(10), "back", () -> Long.valueOf(1).equals(reader.getInfo("connection.reconnects"))
                    && reader.isConnected());
            reader.ping(Duration.ofSeconds(5));
            writer.write("after");
            assertEquals("after", next(values));
        }
    }

    @Test
    void aCallbackThatComesAfterTheEndHearsWhatWasThereAndTheEnd() throws Exception {
        String topic = Clients.topic();
        BlockingQueue<Object> heard = new LinkedBlockingQueue<>();
        try (Proxy proxy = new Proxy(BROKER.openPort());
                AsyncMessageReader<String> reader = Clients.textReader(proxy.address(), topic)
                        .parameter("connect", Map.of("automatic_reconnect", false)).build().getAsyncReader();
                MessageWriter<String> writer = writer(topic)) {
            for (int i = 0; i < 5; i++) {
                writer.write(String.valueOf(i));
            }
            Await.until("they wait", () -> Long.valueOf(5).equals(reader.getInfo("connection.inbox_messages")));
            proxy.cut();
            Await.until("the end", () -> !reader.isConnected());
            reader.addOnMessageCallback(message -> heard.add(message.getValue()), heard::add);
            for (int i = 0; i < 5; i++) {
                assertEquals(String.valueOf(i), heard.poll(10, TimeUnit.SECONDS));
            }
            assertInstanceOf(SinetStreamIOException.class, heard.poll(10, TimeUnit.SECONDS));
            BlockingQueue<Object> later = new LinkedBlockingQueue<>();
            reader.addOnMessageCallback(message -> later.add(message.getValue()), later::add);
            assertInstanceOf(SinetStreamIOException.class, later.poll(10, TimeUnit.SECONDS));
            assertTrue(heard.isEmpty(), "the first has heard it already");
        }
    }
}
