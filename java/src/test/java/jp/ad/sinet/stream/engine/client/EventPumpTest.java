package jp.ad.sinet.stream.engine.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import jp.ad.sinet.stream.api.ConnectionEvent;
import jp.ad.sinet.stream.api.ConnectionEvent.Type;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.engine.boundary.ClientSink;
import jp.ad.sinet.stream.engine.boundary.EventBytes;
import jp.ad.sinet.stream.engine.boundary.Native;
import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Background;

/** The pump with a queue instead of the native library. */
@Timeout(60)
class EventPumpTest {
    private static final Logger LOGGER = Logger.getLogger("jp.ad.sinet.stream");
    private static final byte[] RELEASED = {};

    private final BlockingQueue<byte[]> changes = new LinkedBlockingQueue<>();
    private final List<ConnectionEvent> seen = Collections.synchronizedList(new ArrayList<>());
    private final List<LogRecord> logged = Collections.synchronizedList(new ArrayList<>());
    private volatile Consumer<ConnectionEvent> reaction = event -> { };
    private final List<String> closings = Collections.synchronizedList(new ArrayList<>());
    private final EventPump pump = pump("writer of service s, client c", this::events, new ClientSink() { }, null);
    private Level levelBefore;
    private volatile boolean logFails;

    private final Handler handler = new Handler() {
        @Override
        public void publish(LogRecord record) {
            logged.add(record);
            if (logFails) {
                throw new IllegalStateException("of the log");
            }
        }

        @Override
        public void flush() {
        }

        @Override
        public void close() {
        }
    };

    private EventPump pump(String name, IntFunction<byte[]> source, ClientSink sink, Executor executor) {
        return new EventPump(source, name, event -> {
            seen.add(event);
            reaction.accept(event);
        }, sink, new CallbackExecutor(executor, name), () -> closings.add(name));
    }

    private byte[] events(int how) {
        byte[] packed = changes.poll();
        if (packed == RELEASED) {
            changes.add(RELEASED);
            throw new SinetStreamIOException("the client is closed");
        }
        return packed;
    }

    private static void awaitOver(EventPump pump) {
        Await.until("the end of the pump", () -> pump.awaitOver(20_000));
    }

    @BeforeEach
    void listenToTheLog() {
        levelBefore = LOGGER.getLevel();
        LOGGER.setLevel(Level.ALL);
        LOGGER.setUseParentHandlers(false);
        LOGGER.addHandler(handler);
    }

    @AfterEach
    void endAll() throws InterruptedException {
        changes.add(RELEASED);
        pump.news();
        awaitOver(pump);
        LOGGER.removeHandler(handler);
        LOGGER.setUseParentHandlers(true);
        LOGGER.setLevel(levelBefore);
    }

    private void send(EventBytes events) {
        changes.add(events.pack());
        pump.news();
    }

    private List<Type> types() {
        List<Type> types = new ArrayList<>();
        seen.forEach(event -> types.add(event.getType()));
        return types;
    }

    private List<String> log() {
        List<String> log = new ArrayList<>();
        logged.forEach(record -> log.add(record.getLevel() + " " + record.getMessage()));
        return log;
    }

    /** The calling thread is about to submit its task, which the thread that closes must not count as submitted. */
    @Test
    void aCloseWaitsForTheNewsThatSomebodyElseIsAboutToSubmit() throws Exception {
        AtomicReference<EventPump> current = new AtomicReference<>(pump);
        Thread notifier = new Thread(() -> {
            EventPump last = pump;
            while (last != null) {
                EventPump next = current.get();
                // One event for each fetch: endless events would keep the pump from other work.
                if (next != last && next != null) {
                    next.news();
                }
                last = next;
            }
        });
        notifier.start();
        try {
            for (int i = 0; i < 20_000; i++) {
                EventPump closing = new EventPump(how -> null, "writer", null, new ClientSink() { },
                        new CallbackExecutor(null, "writer"), () -> { });
                current.set(closing);
                closing.finish();
                closing.news();
                assertTrue(closing.awaitOver(20_000), "close " + i);
            }
        } finally {
            current.set(null);
            notifier.join();
        }
    }

    @Test
    void tellsAndLogsInOrderAndEndsWithTheClient() throws InterruptedException {
        pump.ready();
        send(new EventBytes().connected("b:1883", false).lost(7, "connection lost: cut"));
        send(new EventBytes().retrying("b:1884", 250, "connection lost: cut"));
        send(new EventBytes().retrying("b:1884", 500, "no route").retrying("b:1884", 900, "no route"));
        send(new EventBytes().connected("b:1884", true));
        send(new EventBytes().ended(8, "refused").closed());
        awaitOver(pump);
        assertEquals(List.of(Type.CONNECTED, Type.LOST, Type.RETRYING, Type.RETRYING, Type.RETRYING, Type.CONNECTED,
                Type.ENDED), types());
        String who = " writer of service s, client c: ";
        assertEquals(List.of("FINE" + who + "connected to b:1883", "WARNING" + who + "connection lost: cut",
                "FINE" + who + "connecting to b:1884 again in 250 ms: connection lost: cut",
                "WARNING" + who + "connecting to b:1884 again in 500 ms: no route",
                "FINE" + who + "connecting to b:1884 again in 900 ms: no route", "INFO" + who + "connected to b:1884, session present",
                "SEVERE" + who + "ended: refused"), log());
    }

    @Test
    void anOpenThatFailsIsNotTold() throws InterruptedException {
        send(new EventBytes().retrying("b:1", 10, "cut").ended(7, "refused"));
        awaitOver(pump);
        assertEquals(List.of(), types());
        assertEquals(Level.FINE, logged.get(1).getLevel());
    }

    @Test
    void aListenerMayThrowAndInterruptItself() throws InterruptedException {
        List<Boolean> interrupted = Collections.synchronizedList(new ArrayList<>());
        reaction = event -> {
            interrupted.add(Thread.currentThread().isInterrupted());
            Thread.currentThread().interrupt();
            throw new AssertionError("of the listener");
        };
        send(new EventBytes().connected("b:1", false).lost(7, "cut"));
        send(new EventBytes().closed());
        awaitOver(pump);
        assertEquals(List.of(Type.CONNECTED, Type.LOST, Type.CLOSED), types());
        assertEquals(List.of(false, false, false), interrupted);
        assertEquals(3, logged.stream().filter(record -> record.getThrown() instanceof AssertionError).count());
    }

    @Test
    void aLogThatFailsChangesNothing() throws InterruptedException {
        logFails = true;
        reaction = event -> {
            throw new AssertionError("of the listener");
        };
        send(new EventBytes().connected("b:1", false).lost(7, "cut"));
        send(new EventBytes().ended(8, "refused"));
        awaitOver(pump);
        assertEquals(List.of(Type.CONNECTED, Type.LOST, Type.ENDED), types());
    }

    @Test
    void nothingIsLostWhenTheListenerCloses() throws InterruptedException {
        reaction = event -> {
            if (event.getType() == Type.LOST) {
                send(new EventBytes().connected("b:1", false).closed());
                release();
            }
        };
        send(new EventBytes().connected("b:1", false).lost(7, "cut"));
        awaitOver(pump);
        assertEquals(List.of(Type.CONNECTED, Type.LOST, Type.CONNECTED, Type.CLOSED), types());
    }

    @Test
    void nothingIsLostWhenAnotherThreadClosesWhileTheListenerRuns() throws InterruptedException {
        CountDownLatch running = new CountDownLatch(1);
        CountDownLatch closed = new CountDownLatch(1);
        reaction = event -> {
            running.countDown();
            Await.opened(closed);
        };
        send(new EventBytes().connected("b:1", false));
        running.await();
        send(new EventBytes().ended(8, "refused"));
        release(); // This does not wait for the listener.
        assertFalse(pump.awaitOver(1));
        closed.countDown();
        awaitOver(pump);
        assertEquals(List.of(Type.CONNECTED, Type.ENDED), types());
    }

    private void release() {
        pump.finish();
        changes.add(RELEASED);
        pump.news();
    }

    @Test
    void theReleaseOfAForgottenClientEndsIt() throws InterruptedException {
        send(new EventBytes().connected("b:1", false));
        changes.add(RELEASED);
        pump.news();
        awaitOver(pump);
        assertEquals(List.of(Type.CONNECTED, Type.CLOSED), types());
    }

    @Test
    void anInterruptedThreadMayFinish() throws InterruptedException {
        Thread.currentThread().interrupt();
        release();
        assertTrue(Thread.interrupted());
        awaitOver(pump);
        assertEquals(List.of(), types());
    }

    /** The pump is about to find nothing when an event arrives and an interrupted thread closes the client. */
    @Test
    void nothingIsLostWhenAnInterruptedThreadFinishesDuringAFetch() throws InterruptedException {
        CountDownLatch fetching = new CountDownLatch(1);
        CountDownLatch empty = new CountDownLatch(1);
        EventPump late = pump("late", how -> {
            if (how != Native.LOOK && changes.isEmpty()) {
                fetching.countDown();
                Await.opened(empty);
                return null;
            }
            return events(how);
        }, new ClientSink() { }, null);
        late.news();
        fetching.await();
        Background<Void> closing = Background.run(() -> {
            Thread.currentThread().interrupt();
            late.finish();
            late.news();
        });
        Await.until("the wait for the fetch", () -> closing.thread().getState() == Thread.State.WAITING);
        changes.add(new EventBytes().connected("b:1", false).closed().pack());
        empty.countDown();
        closing.get(Duration.ofSeconds(50));
        assertTrue(closing.interruptedAtEnd());
        awaitOver(late);
        assertEquals(List.of(Type.CONNECTED, Type.CLOSED), types());
    }

    @Test
    void damagedEventsEndTheClientAndAreTold() throws InterruptedException {
        changes.add(new EventBytes().connected("b:1", false).pack());
        changes.add(new byte[] {9});
        pump.news();
        awaitOver(pump);
        assertEquals(1, logged.stream().filter(record -> record.getLevel() == Level.SEVERE
                && record.getThrown() instanceof SinetStreamException).count());
        assertEquals(List.of(Type.CONNECTED, Type.ENDED), types());
        assertEquals(1, closings.size());
    }

    /** The code that handles events may fail for an unexpected reason. */
    @Test
    void anErrorEndsTheClientAndItsCauseIsTold() throws InterruptedException {
        List<SinetStreamException> causes = new ArrayList<>();
        CountDownLatch over = new CountDownLatch(1);
        EventPump broken = pump("broken", this::events, new ClientSink() {
            @Override
            public void delivered(long from, long to) {
                throw new StackOverflowError("on purpose");
            }

            @Override
            public void ended(SinetStreamException cause) {
                causes.add(cause);
            }

            @Override
            public void over() {
                over.countDown();
            }
        }, null);
        changes.add(new EventBytes().connected("b:1", false).delivered(0, 3).pack());
        broken.news();
        over.await();
        assertEquals(1, causes.size());
        assertTrue(causes.get(0).getCause() instanceof StackOverflowError);
        assertEquals(List.of("broken"), closings);
        awaitOver(broken);
        assertEquals(List.of(Type.CONNECTED, Type.ENDED), types());
    }

    // ---- no memory

    @Test
    void eventsForWhichThereIsNoMemoryAreFetchedAgain() throws InterruptedException {
        List<byte[]> fetched = List.of(new EventBytes().connected("b:1", false).pack(), new EventBytes().closed().pack());
        AtomicInteger calls = new AtomicInteger();
        EventPump hungry = pump("short", how -> {
            int call = calls.getAndIncrement();
            if (call % 2 == 0) {
                throw new OutOfMemoryError("on purpose");
            }
            return fetched.get(call / 2);
        }, new ClientSink() { }, null);
        hungry.news();
        awaitOver(hungry);
        assertEquals(List.of(Type.CONNECTED, Type.CLOSED), types());
    }

    /** This holds on the pump's thread and on the thread of an executor, which would not pass on the exception. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void eventsForWhichThereIsNoMemoryAreToldAgain(boolean executor) throws InterruptedException {
        List<String> told = Collections.synchronizedList(new ArrayList<>());
        AtomicInteger calls = new AtomicInteger();
        ClientSink sink = new ClientSink() {
            private void tell(String what) {
                if (calls.getAndIncrement() % 2 == 0) {
                    throw new OutOfMemoryError("on purpose");
                }
                told.add(what);
            }

            @Override
            public void delivered(long from, long to) {
                tell(from + " to " + to);
            }

            @Override
            public void ended(SinetStreamException cause) {
                tell("ended");
            }

            @Override
            public void over() {
                tell("over");
            }
        };
        changes.add(new EventBytes().connected("b:1", false).delivered(0, 3).delivered(3, 5).ended(7, "gone").pack());
        EventPump pumping = pump("short", this::events, sink, executor ? task -> new Thread(task).start() : null);
        pumping.news();
        awaitOver(pumping);
        assertEquals(List.of("0 to 3", "3 to 5", "ended", "over"), told);
        assertEquals(List.of(Type.CONNECTED, Type.ENDED), types());
    }

    @Test
    void othersHaveTheExecutorWhileManyMessagesAreTold() throws Exception {
        ExecutorService single = Executors.newSingleThreadExecutor();
        CountDownLatch telling = new CountDownLatch(1);
        AtomicBoolean enough = new AtomicBoolean();
        EventPump many = pump("of many", this::events, new ClientSink() {
            @Override
            public void delivered(long from, long to) {
                telling.countDown();
                for (long number = from; number < to; number++) {
                    if (enough.get()) {
                        throw new SinetStreamIOException("as after the release");
                    }
                }
            }
        }, single);
        try {
            changes.add(new EventBytes().delivered(0, Long.MAX_VALUE).pack());
            many.news();
            telling.await();
            single.submit(() -> enough.set(true)).get(50, TimeUnit.SECONDS);
        } finally {
            enough.set(true);
            awaitOver(many);
            single.shutdown();
        }
    }

    @Test
    void aLackOfMemoryEndsNoClient() {
        AtomicInteger left = new AtomicInteger(3);
        EventPump poor = pump("a poor one", this::events, new ClientSink() {
            @Override
            public boolean hasRest() {
                if (left.decrementAndGet() >= 0) {
                    throw new OutOfMemoryError("on purpose");
                }
                return false;
            }
        }, null);
        changes.add(new EventBytes().connected("b:1883", false).pack());
        changes.add(new EventBytes().closed().pack());
        poor.news();
        awaitOver(poor);
        assertEquals(List.of(Type.CONNECTED, Type.CLOSED), types());
        assertEquals(List.of(), closings);
    }

    @Test
    void aClientThatFailsIsToldSoWhenThereIsMemoryAgain() {
        AtomicInteger left = new AtomicInteger(3);
        EventPump poor = new EventPump(this::events, "a poor one", seen::add, new ClientSink() { },
                new CallbackExecutor(null, "a poor one"), () -> {
            if (left.decrementAndGet() >= 0) {
                throw new OutOfMemoryError("on purpose");
            }
            closings.add("closed");
        });
        changes.add(new EventBytes().connected("b:1883", false).pack());
        changes.add(new EventBytes().event(99, 0, 0, "").noError().pack());
        poor.news();
        awaitOver(poor);
        assertEquals(List.of(Type.CONNECTED, Type.ENDED), types());
        assertEquals(List.of("closed"), closings);
    }
}
