package jp.ad.sinet.stream.engine.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Background;
import jp.ad.sinet.stream.testing.LogCapture;

@Timeout(60)
class CallbackExecutorTest {
    private static final Duration LIMIT = Duration.ofSeconds(50);
    private static final int LONG_MILLIS = 50_000;

    private final List<Integer> done = new CopyOnWriteArrayList<>();
    private final List<Thread> threads = new CopyOnWriteArrayList<>();

    private void submit(CallbackExecutor callbacks, int number) {
        callbacks.submit(() -> {
            done.add(number);
            threads.add(Thread.currentThread());
        });
    }

    private static void awaitDone(CallbackExecutor callbacks) {
        Await.until("the end of all callbacks", () -> callbacks.backlog() == 0);
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
            done.clear();
            try (LogCapture log = new LogCapture()) {
                CallbackExecutor callbacks = new CallbackExecutor(executor, "the client");
                for (int i = 0; i < 3; i++) {
                    submit(callbacks, i);
                    awaitDone(callbacks);
                }
                assertEquals(List.of(0, 1, 2), done);
                assertEquals(1, log.warnings().size(), "one warning is enough");
                assertTrue(log.warnings().get(0).contains("the client: the executor accepts no task"));
            }
        }
    }

    @Test
    void whatAnExecutorThatIsShutDownHasDroppedIsRunWithoutIt() throws Exception {
        BlockingQueue<Runnable> waiting = new LinkedBlockingQueue<>();
        ExecutorService executor = new ThreadPoolExecutor(1, 1, 0, TimeUnit.SECONDS, waiting);
        CountDownLatch busy = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        executor.execute(() -> {
            busy.countDown();
            while (go.getCount() > 0) {
                try {
                    go.await();
                } catch (InterruptedException e) {
                    // shutdownNow interrupts the wait
                }
            }
        });
        busy.await();
        try (LogCapture log = new LogCapture()) {
            CallbackExecutor callbacks = new CallbackExecutor(executor, "the client");
            submit(callbacks, 0);
            submit(callbacks, 1);
            Await.until("the executor has the task", () -> waiting.size() == 1);
            executor.shutdownNow();
            awaitDone(callbacks);
            assertEquals(List.of(0, 1), done);
            assertEquals(1, log.warnings().size());
        } finally {
            go.countDown();
        }
    }

    @Test
    void oneRunsAtATimeAndInOrder() throws Exception {
        for (ExecutorService executor : new ExecutorService[] {null, Executors.newFixedThreadPool(4)}) {
            CallbackExecutor callbacks = new CallbackExecutor(executor, "the client");
            List<Integer> order = new ArrayList<>(); // not safe for more than one thread
            List<Background<Void>> producers = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                producers.add(Background.call(() -> {
                    for (int k = 0; k < 5000; k++) {
                        callbacks.submit(() -> {
                            assertTrue(callbacks.isWorkingHere());
                            order.add(order.size());
                        });
                    }
                    return null;
                }));
            }
            for (Background<Void> producer : producers) {
                producer.get(LIMIT);
            }
            callbacks.finish(LONG_MILLIS);
            assertEquals(IntStream.range(0, 20_000).boxed().collect(Collectors.toList()), order);
            assertFalse(callbacks.isWorkingHere());
            if (executor != null) {
                executor.shutdown();
            }
        }
    }

    /** The thread might hold a lock that a callback needs. */
    @Test
    void nothingRunsOnTheThreadThatSubmits() {
        for (Executor executor : new Executor[] {null, Runnable::run}) {
            CallbackExecutor callbacks = new CallbackExecutor(executor, "the client");
            submit(callbacks, 0);
            awaitDone(callbacks);
        }
        threads.forEach(thread -> assertNotEquals(Thread.currentThread(), thread));
        assertEquals(2, threads.size());
    }

    @Test
    void whatACallbackSubmitsComesAfterIt() {
        CallbackExecutor callbacks = new CallbackExecutor(null, "the client");
        List<String> order = Collections.synchronizedList(new ArrayList<>());
        callbacks.submit(() -> {
            callbacks.submit(() -> order.add("inner"));
            order.add("outer");
            throw new IllegalStateException("meant to be; the next one runs all the same");
        });
        awaitDone(callbacks);
        assertEquals(List.of("outer", "inner"), order);
    }

    @Test
    void whatWasSubmittedAndDroppedIsDoneAtTheEnd() {
        List<Runnable> kept = new CopyOnWriteArrayList<>();
        CallbackExecutor callbacks = new CallbackExecutor(kept::add, "the client");
        submit(callbacks, 1);
        submit(callbacks, 2);
        Await.until("the executor has the task", () -> !kept.isEmpty());
        callbacks.finish(LONG_MILLIS);
        assertEquals(List.of(1, 2), done);
        kept.forEach(Runnable::run);
        assertEquals(List.of(1, 2), done, "each once");
    }

    /** Desktop programs and event loops have such an executor. */
    @Test
    void theOnlyThreadOfAnExecutorFinishesByItself() throws Exception {
        ExecutorService single = Executors.newSingleThreadExecutor();
        try (LogCapture log = new LogCapture()) {
            CallbackExecutor callbacks = new CallbackExecutor(single, "the client");
            Thread own = single.submit(() -> {
                IntStream.range(0, 1000).forEach(number -> submit(callbacks, number));
                callbacks.finish(LONG_MILLIS);
                return Thread.currentThread();
            }).get();
            assertEquals(1000, done.size(), "before the end of finish");
            assertEquals(IntStream.range(0, 1000).boxed().collect(Collectors.toList()), done);
            threads.forEach(thread -> assertEquals(own, thread));
            assertEquals(List.of(), log.warnings());
        } finally {
            single.shutdown();
        }
    }

    @Test
    void callbacksThatBlockKeepNoOtherClientWaiting() {
        callbacksThatBlockWaitForEachOther();
        awaitEndOfThreads("sinetstream-callbacks");
    }

    private static void awaitEndOfThreads(String name) {
        Await.until("the end of the threads", () -> Thread.getAllStackTraces().keySet().stream()
                .noneMatch(thread -> thread.getName().startsWith(name)));
    }

    private static void callbacksThatBlockWaitForEachOther() {
        CountDownLatch all = new CountDownLatch(20);
        List<CallbackExecutor> clients = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            CallbackExecutor callbacks = new CallbackExecutor(null, "client " + i);
            clients.add(callbacks);
            // Each callback waits for all others.
            callbacks.submit(() -> {
                all.countDown();
                try {
                    all.await();
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
            });
        }
        clients.forEach(CallbackExecutorTest::awaitDone);
    }

    @Test
    void aPoolThreadHasTheLoaderOfTheClientAndForgetsIt() {
        ClassLoader before = Thread.currentThread().getContextClassLoader();
        ClassLoader loader = new ClassLoader(before) { };
        List<ClassLoader> seen = new CopyOnWriteArrayList<>();
        Thread.currentThread().setContextClassLoader(loader);
        try {
            CallbackExecutor callbacks = new CallbackExecutor(null, "the client");
            callbacks.submit(() -> {
                seen.add(Thread.currentThread().getContextClassLoader());
                threads.add(Thread.currentThread());
                Thread.currentThread().setContextClassLoader(null);
            });
            callbacks.submit(() -> seen.add(Thread.currentThread().getContextClassLoader()));
            awaitDone(callbacks);
        } finally {
            Thread.currentThread().setContextClassLoader(before);
        }
        assertEquals(List.of(loader, loader), seen);
        Await.until("the loader is forgotten", () -> threads.get(0).getContextClassLoader() == null);
    }

    /** An executor that behaves like those of application servers. */
    private static final class Managed extends AbstractExecutorService {
        private final BlockingQueue<Runnable> taken = new LinkedBlockingQueue<>();

        @Override
        public void execute(Runnable task) {
            taken.add(task);
        }

        @Override
        public boolean isShutdown() {
            throw new IllegalStateException("the server's own affair");
        }

        @Override
        public boolean isTerminated() {
            return isShutdown();
        }

        @Override
        public void shutdown() {
            isShutdown();
        }

        @Override
        public List<Runnable> shutdownNow() {
            isShutdown();
            return List.of();
        }

        @Override
        public boolean awaitTermination(long timeout, TimeUnit unit) {
            return isShutdown();
        }
    }

    @Test
    void anExecutorWhoseLifeIsNoneOfOurBusinessCanBeUsed() throws Exception {
        Managed executor = new Managed();
        CallbackExecutor callbacks = new CallbackExecutor(executor, "the client");
        submit(callbacks, 0);
        Runnable turn = executor.taken.take();
        // The pool meanwhile also watches the callbacks that block.
        callbacksThatBlockWaitForEachOther();
        turn.run();
        assertEquals(List.of(0), done);
        submit(callbacks, 1);
        callbacks.finish(LONG_MILLIS);
        assertEquals(List.of(0, 1), done);
    }

    @Test
    void aCallbackThatFinishesAnotherClientKeepsItsLoader() {
        ClassLoader before = Thread.currentThread().getContextClassLoader();
        CallbackExecutor other = new CallbackExecutor(task -> { }, "another client");
        ClassLoader loader = new ClassLoader(before) { };
        List<ClassLoader> seen = new CopyOnWriteArrayList<>();
        Thread.currentThread().setContextClassLoader(loader);
        try {
            CallbackExecutor callbacks = new CallbackExecutor(null, "the client");
            callbacks.submit(() -> {
                other.submit(() -> seen.add(Thread.currentThread().getContextClassLoader()));
                other.finish(LONG_MILLIS);
                seen.add(Thread.currentThread().getContextClassLoader());
            });
            callbacks.submit(() -> seen.add(Thread.currentThread().getContextClassLoader()));
            awaitDone(callbacks);
        } finally {
            Thread.currentThread().setContextClassLoader(before);
        }
        assertEquals(List.of(before, loader, loader), seen);
    }

    @Test
    void anInterruptOfTheThreadThatFinishesIsNotForCallbacksAndStays() {
        CallbackExecutor callbacks = new CallbackExecutor(task -> { }, "the client");
        List<Boolean> interrupted = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            callbacks.submit(() -> interrupted.add(Thread.interrupted()));
        }
        Thread.currentThread().interrupt();
        callbacks.finish(LONG_MILLIS);
        assertTrue(Thread.interrupted(), "the interrupt stays");
        assertEquals(List.of(false, false), interrupted);
    }

    /** A desktop program has such an executor with its only thread. */
    @Test
    void othersHaveTheExecutorNowAndThenHoweverManyCallbacksThereAre() throws Exception {
        ExecutorService single = Executors.newSingleThreadExecutor();
        try {
            CallbackExecutor callbacks = new CallbackExecutor(single, "the client");
            AtomicBoolean enough = new AtomicBoolean();
            CountDownLatch running = new CountDownLatch(1);
            Runnable endless = new Runnable() {
                @Override
                public void run() {
                    running.countDown();
                    if (!enough.get()) {
                        callbacks.submit(this);
                    }
                }
            };
            callbacks.submit(endless);
            running.await();
            Future<Boolean> other = single.submit(() -> callbacks.backlog() > 0);
            try {
                assertTrue(other.get(LONG_MILLIS, TimeUnit.MILLISECONDS));
            } finally {
                enough.set(true);
            }
            awaitDone(callbacks);
        } finally {
            single.shutdown();
        }
    }

    // ---- costs

    @Test
    void whatIsSubmittedWhileCallbacksRunNeedsNoMoreThanItsPlaceInTheQueue() throws Exception {
        com.sun.management.ThreadMXBean memory = (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        assumeTrue(memory.isThreadAllocatedMemorySupported() && memory.isThreadAllocatedMemoryEnabled(), "this JVM does not count");
        CallbackExecutor callbacks = new CallbackExecutor(null, "the client");
        CountDownLatch running = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        callbacks.submit(() -> {
            running.countDown();
            Await.opened(go);
        });
        running.await();
        Runnable nothing = () -> { };
        callbacks.submit(nothing);
        int many = 10_000;
        long own = Thread.currentThread().getId();
        long before = memory.getThreadAllocatedBytes(own);
        for (int i = 0; i < many; i++) {
            callbacks.submit(nothing);
        }
        long each = (memory.getThreadAllocatedBytes(own) - before) / many;
        go.countDown();
        awaitDone(callbacks);
        assertTrue(each < 48, () -> each + " bytes each");
    }

    @Test
    void nobodyLooksAfterCallbacksThatBlockWhileNoOtherWorkWaits() {
        awaitEndOfThreads("sinetstream-callbacks"); // otherwise there are enough threads for these callbacks
        CountDownLatch go = new CountDownLatch(1);
        CountDownLatch all = new CountDownLatch(20);
        List<CallbackExecutor> clients = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            CallbackExecutor callbacks = new CallbackExecutor(null, "client " + i);
            clients.add(callbacks);
            callbacks.submit(() -> {
                all.countDown();
                Await.opened(go);
            });
        }
        try {
            Await.until("all have a thread", () -> all.getCount() == 0);
            awaitEndOfThreads("sinetstream-callbacks-watch");
        } finally {
            go.countDown();
        }
        clients.forEach(CallbackExecutorTest::awaitDone);
        callbacksThatBlockWaitForEachOther();
    }

    /** The executor may be busy for an hour, and only its end matters. */
    @Test
    void anExecutorThatIsBusyIsLookedAtMoreAndMoreSeldom() {
        AtomicInteger looks = new AtomicInteger();
        AtomicBoolean enough = new AtomicBoolean();
        long start = System.nanoTime();
        CallbackPool.watch(() -> {
            looks.incrementAndGet();
            return enough.get();
        });
        try {
            Await.until("some looks", () -> looks.get() >= 6);
            // The checks come after 20, 40, 80, ... 640 ms.
            assertTrue(System.nanoTime() - start >= TimeUnit.MILLISECONDS.toNanos(1200), "it was looked at too often");
            // Work that finds no thread is not delayed by the long interval.
            callbacksThatBlockWaitForEachOther();
        } finally {
            enough.set(true);
        }
    }
}
