package jp.ad.sinet.stream.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.stream.Collectors;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import jp.ad.sinet.stream.testing.Background;
import jp.ad.sinet.stream.testing.LogCapture;

@Timeout(60)
class CallbackExecutorTest {
    private static final Duration LIMIT = Duration.ofSeconds(20);

    private static List<Integer> runs(CallbackExecutor callbacks, int count) {
        List<Integer> done = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int number = i;
            callbacks.run(() -> done.add(number));
        }
        return done;
    }

    @Test
    void anExecutorThatTakesNothingIsNotNeeded() {
        Executor rejecting = task -> {
            throw new RejectedExecutionException();
        };
        Executor failing = task -> {
            throw new LinkageError("meant to be");
        };
        ExecutorService shut = Executors.newSingleThreadExecutor();
        shut.shutdown();
        for (Executor executor : List.of(rejecting, failing, shut)) {
            try (LogCapture log = new LogCapture()) {
                assertEquals(List.of(0, 1, 2), runs(new CallbackExecutor(executor, "the client"), 3));
                assertEquals(1, log.warnings().size(), "one warning is enough");
                assertTrue(log.warnings().get(0).contains("the client: the executor takes no task"));
            }
        }
    }

    @Test
    void whatAnExecutorThatIsShutDownHasDroppedIsRunHere() throws Exception {
        ExecutorService executor = Executors.newSingleThreadExecutor();
        CountDownLatch busy = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        executor.execute(() -> {
            busy.countDown();
            while (go.getCount() > 0) {
                try {
                    go.await();
                } catch (InterruptedException e) {
                    // shutdownNow
                }
            }
        });
        busy.await();
        CallbackExecutor callbacks = new CallbackExecutor(executor, "the client");
        try (LogCapture log = new LogCapture()) {
            Background<List<Integer>> running = Background.call(() -> runs(callbacks, 3));
            Thread.sleep(50); // so that the first is queued; without that it is refused, which is as good
            executor.shutdownNow();
            assertEquals(List.of(0, 1, 2), running.get(LIMIT));
            assertEquals(1, log.warnings().size());
        } finally {
            go.countDown();
        }
    }

    @Test
    void whatAnExecutorDropsIsRunHereOnceItIsAbandoned() throws Exception {
        List<Runnable> kept = new CopyOnWriteArrayList<>();
        CallbackExecutor callbacks = new CallbackExecutor(kept::add, "the client");
        try (LogCapture log = new LogCapture()) {
            Background<List<Integer>> running = Background.call(() -> runs(callbacks, 1));
            while (kept.isEmpty()) {
                Thread.onSpinWait();
            }
            callbacks.abandon();
            List<Integer> done = running.get(LIMIT);
            kept.get(0).run();
            assertEquals(List.of(0), done, "once");
            assertEquals(1, log.warnings().size());
        }
    }

    @Test
    void oneRunsAtATimeAndACallbackMayRunAnother() throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(4);
        CallbackExecutor callbacks = new CallbackExecutor(pool, "the client");
        List<Integer> order = new ArrayList<>();
        List<Background<Void>> threads = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            threads.add(Background.call(() -> {
                for (int k = 0; k < 500; k++) {
                    callbacks.run(() -> {
                        assertTrue(callbacks.isWorkingHere());
                        order.add(order.size());
                        callbacks.run(() -> order.add(order.size()));
                        assertTrue(callbacks.isWorkingHere());
                    });
                }
                return null;
            }));
        }
        for (Background<Void> thread : threads) {
            thread.get(LIMIT);
        }
        pool.shutdown();
        assertEquals(4000, order.size());
        assertFalse(callbacks.isWorkingHere());
    }

    @Test
    void whatIsSubmittedWaitsForNobodyAndKeepsItsOrder() throws Exception {
        ExecutorService single = Executors.newSingleThreadExecutor();
        CallbackExecutor callbacks = new CallbackExecutor(single, "the client");
        List<Integer> order = new CopyOnWriteArrayList<>();
        CountDownLatch go = new CountDownLatch(1);
        // From the executor's own thread, which the callbacks wait for.
        Future<Void> submitting = single.submit(() -> {
            for (int i = 0; i < 1000; i++) {
                int number = i;
                callbacks.submit(() -> order.add(number));
            }
            go.await();
            return null;
        });
        go.countDown();
        submitting.get();
        callbacks.finish(20_000);
        assertEquals(1000, order.size());
        assertEquals(order.stream().sorted().collect(Collectors.toList()), order);
        single.shutdown();
    }

    @Test
    void withoutAnExecutorWhatIsSubmittedRunsHereAndWhatItSubmitsAfterIt() {
        CallbackExecutor callbacks = new CallbackExecutor(null, "the client");
        List<String> order = new ArrayList<>();
        callbacks.submit(() -> {
            callbacks.submit(() -> order.add("inner"));
            order.add("outer");
            throw new IllegalStateException("meant to be; the next one runs all the same");
        });
        assertEquals(List.of("outer", "inner"), order);
        assertEquals(0, callbacks.backlog());
    }

    @Test
    void whatWasSubmittedAndDroppedIsDoneAtTheEnd() {
        List<Runnable> kept = new ArrayList<>();
        List<Integer> done = new ArrayList<>();
        try (LogCapture log = new LogCapture()) {
            CallbackExecutor callbacks = new CallbackExecutor(kept::add, "the client");
            callbacks.submit(() -> done.add(1));
            callbacks.submit(() -> done.add(2));
            callbacks.finish(50);
            kept.get(0).run();
            assertEquals(List.of(1, 2), done, "each once");
            assertEquals(1, kept.size());
            assertEquals(1, log.warnings().size());
        }
    }
}
