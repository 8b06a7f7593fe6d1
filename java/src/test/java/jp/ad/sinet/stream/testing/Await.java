package jp.ad.sinet.stream.testing;

import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;

/** Waits for the results of other threads and processes. */
public final class Await {
    private static final long POLL_MILLIS = 2;

    private Await() {
    }

    /** Waits without a limit, for threads that another thread will end. */
    public static void opened(CountDownLatch latch) {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted while waiting", e);
        }
    }

    /** Waits up to ten seconds. */
    public static void until(String what, BooleanSupplier condition) {
        until(Duration.ofSeconds(10), what, condition);
    }

    public static void until(Duration limit, String what, BooleanSupplier condition) {
        if (!reached(limit, condition)) {
            throw new AssertionError("not within " + limit + ": " + what);
        }
    }

    /** Waits for a condition. Returns false when it was not met within the limit. */
    public static boolean reached(Duration limit, BooleanSupplier condition) {
        long deadline = System.nanoTime() + limit.toNanos();
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                return false;
            }
            try {
                TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
            } catch (InterruptedException e) {
                throw new AssertionError("interrupted while waiting", e);
            }
        }
        return true;
    }

    /** Takes from a queue until an element is the wanted one, and returns that. */
    public static <T> T next(Duration limit, BlockingQueue<T> queue, Predicate<? super T> wanted) throws InterruptedException {
        long deadline = System.nanoTime() + limit.toNanos();
        while (true) {
            T next = queue.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
            if (next == null) {
                throw new AssertionError("the event did not come");
            }
            if (wanted.test(next)) {
                return next;
            }
        }
    }

    /** Waits until a method is on the thread's stack. */
    public static void inside(Thread thread, String className, String method) {
        until(thread + " in " + className + "." + method, () -> {
            for (StackTraceElement frame : thread.getStackTrace()) {
                if (frame.getMethodName().equals(method) && frame.getClassName().endsWith(className)) {
                    return true;
                }
            }
            return false;
        });
    }
}
