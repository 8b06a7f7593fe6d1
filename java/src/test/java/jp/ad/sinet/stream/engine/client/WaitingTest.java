package jp.ad.sinet.stream.engine.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.stream.Collectors;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;

import jp.ad.sinet.stream.api.AsyncMessageReader;
import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.MessageIO;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.engine.boundary.Native;
import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Background;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.LogCapture;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Proxy;

/** A waiting thread needs no thread of the library, no wake-ups, and no carrier of virtual threads. */
@ExtendWith(NoLeaks.class)
@Timeout(180)
class WaitingTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();

    @RegisterExtension
    static final Broker BROKER = new Broker();

    private final String topic = Clients.topic();

    private MessageReader<String> reader() {
        return Clients.textReader(BROKER.open(), topic).receiveTimeout(Duration.ofSeconds(100)).build().getReader();
    }

    // ---- threads

    /** Returns the Java threads of this library. */
    private static List<String> own() {
        return Thread.getAllStackTraces().keySet().stream().map(Thread::getName)
                .filter(name -> name.startsWith("sinetstream")).sorted().collect(Collectors.toList());
    }

    /** Returns the number of the native library's threads, if the system reports them. */
    private static long natives() {
        File[] tasks = new File("/proc/self/task").listFiles();
        return tasks == null ? 0 : java.util.Arrays.stream(tasks).filter(task -> {
            try {
                String name = java.nio.file.Files.readString(new File(task, "comm").toPath()).trim();
                return name.startsWith("sinetstream") || name.startsWith("tokio");
            } catch (java.io.IOException e) {
                return false; // it has ended
            }
        }).count();
    }

    private void open(int count, List<MessageIO> clients) {
        for (int i = 0; i < count; i++) {
            clients.add(reader());
            clients.add(Clients.textWriter(BROKER.open(), topic).build().getWriter());
            AsyncMessageReader<String> hearing = Clients.textReader(BROKER.open(), topic).build().getAsyncReader();
            hearing.addOnMessageCallback(message -> { });
            clients.add(hearing);
            clients.add(Clients.textWriter(BROKER.open(), topic).build().getAsyncWriter());
        }
    }

    /** Waits until only the notifier and the thread that keeps the JVM running for readers with callbacks are left. */
    private static void awaitIdle() {
        Await.until("two threads of Java's", () -> own().equals(List.of("sinetstream-notifier", "sinetstream-stay")));
    }

    @Test
    void idleClientsHaveTwoThreadsHoweverManyTheyAre() {
        List<MessageIO> clients = Collections.synchronizedList(new ArrayList<>());
        try {
            open(1, clients);
            awaitIdle();
            long natives = natives();
            open(250, clients);
            awaitIdle();
            // The thread for name resolution ends after some seconds.
            Await.until("no more native threads than with one client", () -> natives() <= natives);
        } finally {
            clients.forEach(MessageIO::close);
        }
        Await.until("no thread after the last close", () -> own().isEmpty());
    }

    // ---- wake-ups

    private static long waits(Background<?> waiting) {
        return THREADS.getThreadInfo(waiting.thread().getId()).getWaitedCount();
    }

    private static void assertUndisturbed(List<? extends Background<?>> waiting) throws InterruptedException {
        List<Long> before = waiting.stream().map(WaitingTest::waits).collect(Collectors.toList());
        TimeUnit.SECONDS.sleep(1); // time for something that must not happen
        assertEquals(before, waiting.stream().map(WaitingTest::waits).collect(Collectors.toList()));
    }

    @Test
    void readersThatWaitAreNotWoken() throws Exception {
        List<MessageReader<String>> readers = new ArrayList<>();
        List<Background<Message<String>>> reading = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            MessageReader<String> reader = reader();
            readers.add(reader);
            reading.add(Background.call(reader::read));
        }
        reading.forEach(Background::awaitParked);
        assertUndisturbed(reading);
        try (MessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic).build().getWriter()) {
            writer.write("x");
        }
        reading.forEach(each -> assertEquals("x", each.get(LIMIT).getValue()));
        readers.forEach(MessageIO::close);
    }

    /** The outbox is full by the encoded size of the messages, though their values alone would fit. */
    @Test
    void writersThatWaitForRoomAreNotWoken() throws Exception {
        try (Proxy proxy = new Proxy(BROKER.openPort());
                AsyncMessageWriter<String> writer = Clients.textWriter(proxy.address(), topic)
                        .consistency(Consistency.AT_LEAST_ONCE).parameter("max_queued_bytes", 1000).build().getAsyncWriter()) {
            proxy.stall(true);
            AtomicInteger confirmed = new AtomicInteger();
            String value = "x".repeat(500 - 10);
            writer.write(value).done(nothing -> confirmed.incrementAndGet());
            List<Background<Void>> writing = List.of(
                    Background.run(() -> writer.write(value).done(nothing -> confirmed.incrementAndGet())));
            writing.forEach(Background::awaitParked);
            assertUndisturbed(writing);
            assertFalse(writing.get(0).isDone());
            proxy.stall(false);
            writing.get(0).get(LIMIT);
            Await.until("both confirmations", () -> confirmed.get() == 2);
        }
    }

    /** The wait begins in native code, where it lasts ten milliseconds. */
    @Test
    void aWaitIsNoLongerThanItsTimeOut() {
        assertEquals(Native.ARMED, Waiter.patience(Waiter.deadline(TimeUnit.MILLISECONDS.toNanos(9))));
        assertEquals(Native.PATIENTLY, Waiter.patience(Waiter.deadline(LIMIT.toNanos())));
        assertEquals(Native.PATIENTLY, Waiter.patience());
    }

    // ---- virtual threads

    private static ThreadFactory virtual() throws ReflectiveOperationException {
        assumeTrue(Runtime.version().feature() >= 21, "this JDK has no virtual threads");
        Object builder = Thread.class.getMethod("ofVirtual").invoke(null);
        return (ThreadFactory) Class.forName("java.lang.Thread$Builder").getMethod("factory").invoke(builder);
    }

    private static Thread start(ThreadFactory factory, Runnable work) {
        Thread thread = factory.newThread(work);
        thread.start();
        return thread;
    }

    private static void awaitWaiting(List<Thread> threads) {
        Await.until("all threads wait", () -> threads.stream().allMatch(thread ->
                thread.getState() == Thread.State.WAITING || thread.getState() == Thread.State.TIMED_WAITING));
    }

    /** Runs a task on virtual threads, which would not end if all carriers were blocked. */
    private static void beat(ThreadFactory factory) throws InterruptedException {
        CountDownLatch beats = new CountDownLatch(100);
        start(factory, () -> {
            while (beats.getCount() > 0) {
                beats.countDown();
                Thread.yield();
            }
        });
        assertTrue(beats.await(LIMIT.toSeconds(), TimeUnit.SECONDS), () -> beats.getCount() + " of 100 beats are missing");
    }

    @Test
    void virtualThreadsThatReadGiveWayToTheOneThatWrites() throws Exception {
        ThreadFactory factory = virtual();
        List<MessageReader<String>> readers = new ArrayList<>();
        List<Thread> threads = new ArrayList<>();
        List<String> read = new CopyOnWriteArrayList<>();
        for (int i = 0; i < 50; i++) {
            MessageReader<String> reader = reader();
            readers.add(reader);
            threads.add(start(factory, () -> read.add(reader.read().getValue())));
        }
        awaitWaiting(threads);
        beat(factory);
        start(factory, () -> {
            try (MessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic)
                    .consistency(Consistency.AT_LEAST_ONCE).build().getWriter()) {
                writer.write("x");
            }
        });
        Await.until("all have read", () -> read.size() == 50);
        readers.forEach(MessageIO::close);
    }

    @Test
    void virtualThreadsThatWaitForABrokerGiveWay() throws Exception {
        ThreadFactory factory = virtual();
        try (Proxy proxy = new Proxy(BROKER.openPort())) {
            List<MessageWriter<String>> writers = new ArrayList<>();
            List<Thread> threads = new ArrayList<>();
            AtomicInteger written = new AtomicInteger();
            for (int i = 0; i < 8; i++) {
                writers.add(Clients.textWriter(proxy.address(), topic).consistency(Consistency.AT_LEAST_ONCE).build().getWriter());
            }
            proxy.shut(true);
            for (MessageWriter<String> writer : writers) {
                threads.add(start(factory, () -> {
                    writer.write("x");
                    written.incrementAndGet();
                }));
            }
            awaitWaiting(threads);
            beat(factory);
            proxy.shut(false);
            Await.until("all are written", () -> written.get() == 8);
            writers.forEach(MessageIO::close);
        }
    }

    // ---- an executor of one thread

    /** Desktop programs and event loops have such an executor. */
    @Test
    void theOnlyThreadOfTheExecutorMayCloseAndHearsAllBefore() throws Exception {
        ExecutorService single = Executors.newSingleThreadExecutor();
        List<Thread> told = new CopyOnWriteArrayList<>();
        try (LogCapture log = new LogCapture()) {
            Thread own = single.submit(() -> {
                try (AsyncMessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic).executor(single)
                        .parameters(Map.of("consistency", "AT_LEAST_ONCE")).build().getAsyncWriter()) {
                    for (int i = 0; i < 100; i++) {
                        writer.write("x").done(nothing -> told.add(Thread.currentThread()));
                    }
                }
                assertEquals(100, told.size(), "all are told when close returns");
                return Thread.currentThread();
            }).get();
            told.forEach(thread -> assertEquals(own, thread));
            assertEquals(List.of(), log.warnings());
        } finally {
            single.shutdown();
        }
    }

    @Test
    void othersHaveTheThreadOfTheExecutorWhileMessagesNeverEnd() throws Exception {
        ExecutorService single = Executors.newSingleThreadExecutor();
        try (AsyncMessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic).build().getAsyncWriter();
                AsyncMessageReader<String> reader = Clients.textReader(BROKER.open(), topic).executor(single).build()
                        .getAsyncReader()) {
            CountDownLatch running = new CountDownLatch(100);
            reader.addOnMessageCallback(message -> {
                running.countDown();
                writer.write("each brings one more");
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(1)); // the message is there before the others are read
            });
            for (int i = 0; i < 200; i++) {
                writer.write("x");
            }
            running.await();
            single.submit(() -> { }).get(LIMIT.toSeconds(), TimeUnit.SECONDS);
        } finally {
            single.shutdown();
        }
    }
}
