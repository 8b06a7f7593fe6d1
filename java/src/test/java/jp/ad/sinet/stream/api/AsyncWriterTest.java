package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.logging.Level;
import java.util.logging.Logger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.jdeferred2.Promise;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Background;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Proxy;
import jp.ad.sinet.stream.utils.MessageWriterFactory.MessageWriterFactoryBuilder;

@Timeout(120)
@ExtendWith(NoLeaks.class)
class AsyncWriterTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    private static final Duration LIMIT = Duration.ofSeconds(20);

    private static MessageWriterFactoryBuilder<String> writer(String topic) {
        return Clients.textWriter(BROKER.open(), topic).consistency(Consistency.AT_LEAST_ONCE);
    }

    private static Throwable failure(Promise<?, ? extends Throwable, ?> promise) throws InterruptedException {
        AtomicReference<Throwable> cause = new AtomicReference<>();
        promise.fail(cause::set);
        promise.waitSafely(LIMIT.toMillis());
        assertTrue(promise.isRejected(), "rejected");
        return cause.get();
    }

    @ParameterizedTest
    @EnumSource(Consistency.class)
    void aMessageArrivesAndItsPromiseIsResolved(Consistency consistency) throws Exception {
        String topic = Clients.topic();
        try (MessageReader<String> reader = Clients.textReader(BROKER.open(), topic).consistency(consistency)
                .build().getReader();
                AsyncMessageWriter<String> writer = writer(topic).consistency(consistency).build().getAsyncWriter()) {
            Promise<?, ? extends Throwable, ?> promise = writer.write("first");
            promise.waitSafely(LIMIT.toMillis());
            assertTrue(promise.isResolved());
            assertNull(writer.writeAsync("second").get(LIMIT.toSeconds(), TimeUnit.SECONDS));
            assertEquals("first", reader.read().getValue());
            assertEquals("second", reader.read().getValue());
            assertEquals(2, writer.getMetrics().getMsgCountTotal());
        }
    }

    @Test
    void fiftyThousandInATightLoopAreResolvedInOrder() throws Exception {
        int count = 50_000;
        List<Integer> resolved = Collections.synchronizedList(new ArrayList<>());
        CountDownLatch ended = new CountDownLatch(count);
        AtomicInteger failed = new AtomicInteger();
        try (AsyncMessageWriter<String> writer = writer(Clients.topic()).build().getAsyncWriter()) {
            for (int i = 0; i < count; i++) {
                int number = i;
                writer.write("message " + i).done(nothing -> {
                    resolved.add(number);
                    ended.countDown();
                }).fail(e -> {
                    failed.incrementAndGet();
                    ended.countDown();
                });
            }
            assertTrue(ended.await(60, TimeUnit.SECONDS));
        }
        assertEquals(0, failed.get());
        assertEquals(IntStream.range(0, count).boxed().collect(Collectors.toList()), resolved);
    }

    @Test
    void onAnExecutorWithManyThreadsTheOrderIsKept() throws Exception {
        int count = 2_000;
        List<Integer> resolved = new ArrayList<>();
        CountDownLatch ended = new CountDownLatch(count);
        ExecutorService pool = Executors.newFixedThreadPool(4, task -> new Thread(task, "pool"));
        AtomicInteger elsewhere = new AtomicInteger();
        try (AsyncMessageWriter<String> writer = writer(Clients.topic()).executor(pool).build().getAsyncWriter()) {
            for (int i = 0; i < count; i++) {
                int number = i;
                writer.writeAsync("x").thenRun(() -> {
                    resolved.add(number);
                    elsewhere.addAndGet(Thread.currentThread().getName().equals("pool") ? 0 : 1);
                    ended.countDown();
                });
            }
            assertTrue(ended.await(LIMIT.toSeconds(), TimeUnit.SECONDS));
        } finally {
            pool.shutdown();
        }
        assertEquals(IntStream.range(0, count).boxed().collect(Collectors.toList()), resolved);
        // A callback that is added to a completed future runs on the thread that adds it.
        assertTrue(elsewhere.get() < count);
    }

    @Test
    void mistakesOfTheCallerAndOfTheSerializerAreThrown() {
        try (AsyncMessageWriter<String> writer = writer(Clients.topic()).build().getAsyncWriter();
                AsyncMessageWriter<String> broken = writer(Clients.topic()).serializer(value -> {
                    throw new IllegalStateException("no");
                }).build().getAsyncWriter()) {
            assertThrows(NullPointerException.class, () -> writer.write(null));
            assertThrows(SinetStreamIOException.class, () -> broken.write("x"));
            assertEquals(1, writer.getMetrics().getErrorCountTotal());
            assertEquals(1, broken.getMetrics().getErrorCountTotal());
        }
    }

    @Test
    void afterCloseAWriteIsARejectedPromise() throws Exception {
        AsyncMessageWriter<String> writer = writer(Clients.topic()).build().getAsyncWriter();
        Promise<?, ? extends Throwable, ?> before = writer.write("x");
        writer.close();
        assertTrue(before.isResolved(), "close completes everything");
        assertInstanceOf(SinetStreamIOException.class, failure(writer.write("y")));
        assertEquals(1, writer.getMetrics().getErrorCountTotal());
    }

    @Test
    void closeRejectsWhatCannotBeDelivered() throws Exception {
        try (Proxy proxy = new Proxy(BROKER.openPort())) {
            AsyncMessageWriter<String> writer = Clients.textWriter(proxy.address(), Clients.topic())
                    .consistency(Consistency.AT_LEAST_ONCE).parameter("close_timeout_ms", 200).build().getAsyncWriter();
            proxy.stall(true);
            Promise<?, ? extends Throwable, ?> promise = writer.write("x");
            assertThrows(SinetStreamIOException.class, writer::close);
            assertTrue(promise.isRejected());
            assertInstanceOf(SinetStreamIOException.class, failure(promise));
        }
    }

    @Test
    void aFullOutboxMakesWritesWaitUntilTheirTimeIsUp() throws Exception {
        try (Proxy proxy = new Proxy(BROKER.openPort())) {
            AsyncMessageWriter<String> writer = Clients.textWriter(proxy.address(), Clients.topic())
                    .consistency(Consistency.AT_LEAST_ONCE).parameters(Map.of("max_queued_messages", 2,
                            "write_timeout_ms", 500, "close_timeout_ms", 100)).build().getAsyncWriter();
            proxy.stall(true);
            List<Promise<?, ? extends Throwable, ?>> promises = List.of(writer.write("1"), writer.write("2"));
            Throwable full = failure(writer.write("3"));
            assertTrue(full.getMessage().contains("the outbox is full"), full.getMessage());
            for (Promise<?, ? extends Throwable, ?> promise : promises) {
                Throwable late = failure(promise);
                assertTrue(late.getMessage().contains("may have been delivered"), late.getMessage());
            }
            assertEquals(3, writer.getMetrics().getErrorCountTotal());
            Background<Promise<?, ? extends Throwable, ?>> waiting = Background.call(() -> writer.write("4"));
            waiting.awaitParked().thread().interrupt();
            Throwable interrupted = failure(waiting.get(LIMIT));
            assertInstanceOf(InterruptedException.class, interrupted.getCause());
            assertTrue(waiting.interruptedAtEnd());
            assertThrows(SinetStreamIOException.class, writer::close);
        }
    }

    @Test
    void whenCallbacksAreFarBehindAWriteWaits() throws Exception {
        CountDownLatch go = new CountDownLatch(1);
        AtomicInteger told = new AtomicInteger();
        int room = 65_536;
        ExecutorService busy = Executors.newSingleThreadExecutor();
        busy.execute(() -> {
            try {
                go.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        });
        try (AsyncMessageWriter<String> writer = Clients.textWriter(BROKER.open(), Clients.topic()).executor(busy)
                .parameter("write_timeout_ms", 1000).build().getAsyncWriter()) {
            // The batch that is being reported no longer counts.
            AtomicReference<Throwable> refused = new AtomicReference<>();
            int accepted = 0;
            for (int i = 0; i < 2 * room + 2 && refused.get() == null; i++) {
                Promise<?, ? extends Throwable, ?> promise = writer.write("x");
                promise.fail(refused::set);
                promise.done(nothing -> told.incrementAndGet());
                accepted += refused.get() == null ? 1 : 0;
            }
            Throwable full = refused.get();
            assertTrue(accepted >= room && full != null, accepted + " accepted");
            assertTrue(full.getMessage().contains("timed out"), full.getMessage());
            assertEquals(0, told.get());
            go.countDown();
            int all = accepted;
            Await.until("all are told", () -> told.get() == all);
            assertNull(writer.writeAsync("again").get(LIMIT.toSeconds(), TimeUnit.SECONDS));
        } finally {
            go.countDown();
            busy.shutdown();
        }
    }

    @Test
    void aLaterRefusalOfTheLoginRejectsWhatIsPending() throws Exception {
        BROKER.setPassword("user02", "Neu-1");
        BROKER.reload();
        AtomicReference<Throwable> atTheReader = new AtomicReference<>();
        Map<String, Object> login = Map.of("username_pw", Map.of("username", "user02", "password", "Neu-1"),
                "reconnect_delay", Map.of("min_delay", 0.1, "max_delay", 0.2));
        try (Proxy proxy = new Proxy(Integer.parseInt(BROKER.login().split(":")[1]));
                AsyncMessageReader<String> reader = Clients.textReader(proxy.address(), Clients.topic())
                        .parameters(login).build().getAsyncReader();
                AsyncMessageWriter<String> writer = Clients.textWriter(proxy.address(), Clients.topic())
                        .consistency(Consistency.AT_LEAST_ONCE).parameters(login).build().getAsyncWriter()) {
            reader.addOnMessageCallback(message -> { }, atTheReader::set);
            BROKER.setPassword("user02", Broker.password("user02"));
            BROKER.reload();
            proxy.shut(true);
            Promise<?, ? extends Throwable, ?> pending = writer.write("pending");
            proxy.shut(false);
            assertInstanceOf(AuthenticationException.class, failure(pending));
            assertInstanceOf(AuthenticationException.class, failure(writer.write("later")));
            Await.until("the reader is told", () -> atTheReader.get() instanceof AuthenticationException);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"throws", "blocks", "writes", "closes"})
    void aCallbackHarmsNobodyElse(String what) throws Exception {
        AsyncMessageWriter<String> writer = writer(Clients.topic()).build().getAsyncWriter();
        CompletableFuture<Void> inner = new CompletableFuture<>();
        Promise<?, ? extends Throwable, ?> first = writer.write("first").done(nothing -> {
            switch (what) {
                case "throws":
                    throw new IllegalStateException("meant to be");
                case "blocks":
                    CompletableFuture.runAsync(() -> { }, CompletableFuture.delayedExecutor(1, TimeUnit.SECONDS)).join();
                    break;
                case "writes":
                    writer.writeAsync("inner").thenRun(() -> inner.complete(null));
                    break;
                default:
                    writer.close();
                    inner.complete(null);
            }
        });
        Promise<?, ? extends Throwable, ?> second = writer.write("second");
        first.waitSafely(LIMIT.toMillis());
        second.waitSafely(LIMIT.toMillis());
        assertTrue(first.isResolved());
        assertFalse(second.isPending());
        if (what.equals("writes") || what.equals("closes")) {
            inner.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
        }
        writer.close();
    }

    @ParameterizedTest
    @EnumSource(value = Consistency.class, names = {"AT_LEAST_ONCE", "EXACTLY_ONCE"})
    void throughANetworkThatFailsNothingIsMissing(Consistency consistency) throws Exception {
        String topic = Clients.topic();
        Logger logger = Logger.getLogger("jp.ad.sinet.stream");
        logger.setLevel(Level.SEVERE); // each cut is logged as a warning
        Map<String, Integer> arrived = new HashMap<>();
        AtomicInteger failed = new AtomicInteger();
        int count = 0;
        try (Proxy proxy = new Proxy(BROKER.openPort());
                MessageReader<String> reader = Clients.textReader(BROKER.open(), topic).consistency(consistency).build()
                        .getReader();
                AsyncMessageWriter<String> writer = Clients.textWriter(proxy.address(), topic).consistency(consistency)
                        .clientId("async-" + consistency).parameters(Map.of("clean_session", false,
                                "reconnect_delay", Map.of("min_delay", 0.02, "max_delay", 0.1)))
                        .build().getAsyncWriter()) {
            Background<Void> reading = Background.call(() -> {
                for (String value = ""; !value.equals("end");) {
                    value = reader.read().getValue();
                    arrived.merge(value, 1, Integer::sum);
                }
                return null;
            });
            AtomicBoolean running = new AtomicBoolean(true);
            Background<Void> torment = Background.call(() -> {
                while (running.get()) {
                    TimeUnit.MILLISECONDS.sleep(40);
                    proxy.cut();
                }
                return null;
            });
            while (count < 20_000 || proxy.connections() < 20) {
                writer.write(String.valueOf(count++)).fail(e -> failed.incrementAndGet());
            }
            running.set(false);
            torment.get(LIMIT);
            writer.writeAsync("end").get(60, TimeUnit.SECONDS);
            reading.get(LIMIT);
        } finally {
            logger.setLevel(null);
        }
        assertEquals(0, failed.get());
        assertEquals(count + 1, arrived.size());
        if (consistency == Consistency.EXACTLY_ONCE) {
            assertTrue(arrived.values().stream().allMatch(times -> times == 1), "something came twice");
        }
    }

    @Test
    void manyClientsLeaveNothing() {
        for (int i = 0; i < 1000; i++) {
            writer(Clients.topic()).build().getAsyncWriter().close();
        }
        assertTrue(Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> thread.getName().startsWith("sinetstream-events")).count() < 20);
    }

    /** The test uses reflection, since the tests are compiled for Java 11. */
    @Test
    void virtualThreadsWriteAndRead() throws Exception {
        assumeTrue(Runtime.version().feature() >= 21, "virtual threads");
        ExecutorService threads = (ExecutorService) Executors.class.getMethod("newVirtualThreadPerTaskExecutor").invoke(null);
        String topic = Clients.topic();
        int count = 500;
        try (MessageReader<String> reader = Clients.textReader(BROKER.open(), topic)
                .consistency(Consistency.AT_LEAST_ONCE).build().getReader();
                MessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic)
                        .consistency(Consistency.AT_LEAST_ONCE).build().getWriter()) {
            List<Future<String>> read = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                read.add(threads.submit(() -> reader.read().getValue()));
            }
            for (int i = 0; i < count; i++) {
                String value = String.valueOf(i);
                threads.submit(() -> writer.write(value));
            }
            Set<String> values = new HashSet<>();
            for (Future<String> one : read) {
                values.add(one.get(60, TimeUnit.SECONDS));
            }
            assertEquals(count, values.size());
        } finally {
            threads.shutdownNow();
        }
    }

    @Test
    void anExecutorThatIsShutDownTooEarlyLeavesNoPromisePending() throws Exception {
        ExecutorService busy = Executors.newSingleThreadExecutor();
        CountDownLatch go = new CountDownLatch(1);
        busy.execute(() -> {
            while (go.getCount() > 0) {
                try {
                    go.await();
                } catch (InterruptedException e) {
                    // shutdownNow interrupts the wait
                }
            }
        });
        List<CompletableFuture<Void>> futures = new ArrayList<>();
        try (AsyncMessageWriter<String> writer = writer(Clients.topic()).executor(busy).build().getAsyncWriter()) {
            for (int i = 0; i < 10; i++) {
                futures.add(writer.writeAsync("x"));
            }
            busy.shutdownNow();
            for (CompletableFuture<Void> future : futures) {
                future.get(LIMIT.toSeconds(), TimeUnit.SECONDS);
            }
        } finally {
            go.countDown();
        }
    }

    @Test
    void anInterruptedCloseTellsWhatIsNotConfirmed() throws Exception {
        try (Proxy proxy = new Proxy(BROKER.openPort())) {
            AsyncMessageWriter<String> writer = Clients.textWriter(proxy.address(), Clients.topic())
                    .consistency(Consistency.AT_LEAST_ONCE).build().getAsyncWriter();
            proxy.shut(true);
            CompletableFuture<Void> future = writer.writeAsync("x");
            Background<Boolean> closing = Background.call(() -> {
                Thread.currentThread().interrupt();
                SinetStreamException e = assertThrows(SinetStreamIOException.class, writer::close);
                assertTrue(e.getMessage().contains("interrupted while closing; 1 messages are not confirmed"), e::getMessage);
                return Thread.currentThread().isInterrupted();
            });
            assertTrue(closing.get(LIMIT), "the interrupt stays");
            assertInstanceOf(SinetStreamIOException.class,
                    assertThrows(ExecutionException.class, () -> future.get(LIMIT.toSeconds(), TimeUnit.SECONDS)).getCause());
        }
    }

    @Test
    void anInterruptEndsTheWaitForAnotherThreadThatWaitsForRoom() throws Exception {
        try (Proxy proxy = new Proxy(BROKER.openPort());
                AsyncMessageWriter<String> writer = Clients.textWriter(proxy.address(), Clients.topic())
                        .consistency(Consistency.AT_LEAST_ONCE).parameter("max_queued_messages", 1)
                        .parameter("close_timeout_ms", 100).build().getAsyncWriter()) {
            proxy.shut(true);
            CompletableFuture<Void> first = writer.writeAsync("takes the room");
            Thread[] waiting = new Thread[2];
            List<Background<Throwable>> writes = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                int number = i;
                writes.add(Background.call(() -> {
                    waiting[number] = Thread.currentThread();
                    return failure(writer.write("waits"));
                }));
            }
            Await.until("both write", () -> waiting[0] != null && waiting[1] != null);
            // lets one of them take the lock; otherwise both are interrupted before that, which ends them, too
            Thread.sleep(100);
            for (Thread thread : waiting) {
                thread.interrupt();
            }
            for (Background<Throwable> write : writes) {
                Throwable failure = write.get(Duration.ofSeconds(10)); // not the minute of write_timeout_ms
                assertTrue(failure.getMessage().contains("interrupted"), failure::getMessage);
            }
            assertFalse(first.isDone());
            assertThrows(SinetStreamIOException.class, writer::close);
        }
    }
}
