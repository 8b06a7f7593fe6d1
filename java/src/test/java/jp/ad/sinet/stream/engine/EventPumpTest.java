package jp.ad.sinet.stream.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
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
import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Background;

/** The pump with a queue in place of the native library. */
@Timeout(60)
class EventPumpTest {
    private static final Logger LOGGER = Logger.getLogger("jp.ad.sinet.stream");
    private static final byte[] RELEASED = {};

    private final BlockingQueue<byte[]> changes = new LinkedBlockingQueue<>();
    private final List<ConnectionEvent> seen = Collections.synchronizedList(new ArrayList<>());
    private final List<LogRecord> logged = Collections.synchronizedList(new ArrayList<>());
    private volatile Consumer<ConnectionEvent> reaction = event -> { };
    private final EventPump pump = new EventPump(this::events, "writer of service s, client c", event -> {
        seen.add(event);
        reaction.accept(event);
    });
    private final Thread thread = new Thread(pump, "pump under test");
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

    private byte[] events(int waitMillis) {
        try {
            byte[] packed = waitMillis == 0 ? changes.poll() : changes.poll(waitMillis, TimeUnit.MILLISECONDS);
            if (packed == RELEASED) {
                changes.add(RELEASED);
                throw new SinetStreamIOException("the client is closed");
            }
            return packed;
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
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
        thread.join();
        LOGGER.removeHandler(handler);
        LOGGER.setUseParentHandlers(true);
        LOGGER.setLevel(levelBefore);
    }

    private void send(EventBytes events) {
        changes.add(events.pack());
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

    @Test
    void tellsAndLogsInOrderAndEndsWithTheClient() throws InterruptedException {
        pump.ready();
        thread.start();
        send(new EventBytes().connected("b:1883", false).lost(7, "connection lost: cut"));
        send(new EventBytes().retrying("b:1884", 250, "connection lost: cut"));
        send(new EventBytes().retrying("b:1884", 500, "no route").retrying("b:1884", 900, "no route"));
        send(new EventBytes().connected("b:1884", true));
        send(new EventBytes().ended(8, "refused").closed());
        thread.join();
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
        thread.start();
        send(new EventBytes().retrying("b:1", 10, "cut").ended(7, "refused"));
        thread.join();
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
        thread.start();
        send(new EventBytes().connected("b:1", false).lost(7, "cut"));
        send(new EventBytes().closed());
        thread.join();
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
        thread.start();
        send(new EventBytes().connected("b:1", false).lost(7, "cut"));
        send(new EventBytes().ended(8, "refused"));
        thread.join();
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
        thread.start();
        send(new EventBytes().connected("b:1", false).lost(7, "cut"));
        thread.join();
        assertEquals(List.of(Type.CONNECTED, Type.LOST, Type.CONNECTED, Type.CLOSED), types());
    }

    @Test
    void nothingIsLostWhenAnotherThreadClosesWhileTheListenerRuns() throws InterruptedException {
        CountDownLatch running = new CountDownLatch(1);
        CountDownLatch closed = new CountDownLatch(1);
        reaction = event -> {
            running.countDown();
            await(closed);
        };
        thread.start();
        send(new EventBytes().connected("b:1", false));
        running.await();
        send(new EventBytes().ended(8, "refused"));
        release(); // does not wait for the listener
        assertTrue(thread.isAlive());
        closed.countDown();
        thread.join();
        assertEquals(List.of(Type.CONNECTED, Type.ENDED), types());
    }

    private void release() {
        pump.finish();
        changes.add(RELEASED);
    }

    @Test
    void theReleaseOfAForgottenClientEndsIt() throws InterruptedException {
        thread.start();
        send(new EventBytes().connected("b:1", false));
        changes.add(RELEASED);
        thread.join();
        assertEquals(List.of(Type.CONNECTED, Type.CLOSED), types());
    }

    @Test
    void anInterruptedThreadMayFinish() throws InterruptedException {
        thread.start();
        Thread.currentThread().interrupt();
        release();
        assertTrue(Thread.interrupted());
        thread.join();
        assertEquals(List.of(), types());
    }

    /** The thread of the pump is about to find nothing, and the news comes, when an interrupted thread closes the client. */
    @Test
    void nothingIsLostWhenAnInterruptedThreadFinishesDuringAFetch() throws InterruptedException {
        CountDownLatch fetching = new CountDownLatch(1);
        CountDownLatch empty = new CountDownLatch(1);
        EventPump late = new EventPump(waitMillis -> {
            if (waitMillis > 0 && changes.isEmpty()) {
                fetching.countDown();
                await(empty);
                return null;
            }
            return events(0);
        }, "late", seen::add);
        Thread pumping = new Thread(late, "late pump");
        pumping.start();
        fetching.await();
        Background<Void> closing = Background.run(() -> {
            Thread.currentThread().interrupt();
            late.finish();
        });
        Await.until("the end of finish, or its wait for the fetch", () -> closing.isDone()
                || closing.thread().getState() == Thread.State.WAITING);
        send(new EventBytes().connected("b:1", false).closed());
        if (closing.isDone()) {
            changes.clear(); // released
            changes.add(RELEASED);
        }
        empty.countDown();
        closing.get(Duration.ofSeconds(50));
        assertTrue(closing.interruptedAtEnd());
        pumping.join();
        assertEquals(List.of(Type.CONNECTED, Type.CLOSED), types());
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void damagedEventsEndItWithAMessage() throws InterruptedException {
        thread.start();
        changes.add(new byte[] {9});
        thread.join();
        assertEquals(Level.SEVERE, logged.get(0).getLevel());
        assertFalse(thread.isAlive());
    }

    // ---- no memory

    @Test
    void eventsForWhichThereIsNoMemoryAreFetchedAgain() throws InterruptedException {
        List<byte[]> fetched = List.of(new EventBytes().connected("b:1", false).pack(), new EventBytes().closed().pack());
        AtomicInteger calls = new AtomicInteger();
        EventPump hungry = new EventPump(waitMillis -> {
            int call = calls.getAndIncrement();
            if (call % 2 == 0) {
                throw new OutOfMemoryError("on purpose");
            }
            return fetched.get(call / 2);
        }, "short", seen::add);
        Thread pumping = new Thread(hungry, "short pump");
        pumping.start();
        pumping.join();
        assertEquals(List.of(Type.CONNECTED, Type.CLOSED), types());
    }

    /** Here, or on the thread of an executor, whose own affair what is thrown would be. */
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
        EventPump pumping = new EventPump(this::events, "short", seen::add, sink,
                executor ? task -> new Thread(task).start() : null);
        Thread own = new Thread(pumping, "short pump");
        own.start();
        own.join();
        assertEquals(List.of("0 to 3", "3 to 5", "ended", "over"), told);
        assertEquals(List.of(Type.CONNECTED, Type.ENDED), types());
    }
}
