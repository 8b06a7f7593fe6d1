package jp.ad.sinet.stream.testing;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** A call that runs on its own daemon thread. */
public final class Background<V> {
    private final FutureTask<V> task;
    private final Thread thread;
    private volatile boolean interruptedAtEnd;

    private Background(Callable<V> call) {
        task = new FutureTask<>(() -> {
            try {
                return call.call();
            } finally {
                interruptedAtEnd = Thread.currentThread().isInterrupted();
            }
        });
        thread = new Thread(task, "background");
        thread.setDaemon(true);
        thread.start();
    }

    public static <V> Background<V> call(Callable<V> call) {
        return new Background<>(call);
    }

    public static Background<Void> run(Runnable action) {
        return call(() -> {
            action.run();
            return null;
        });
    }

    public Thread thread() {
        return thread;
    }

    public boolean isDone() {
        return task.isDone();
    }

    /** Waits until the thread waits in Java for the engine. */
    public Background<V> awaitParked() {
        Await.inside(thread, ".engine.client.Waiter", "await");
        return this;
    }

    /** Tells whether the interrupt flag was set when the call ended. */
    public boolean interruptedAtEnd() {
        return interruptedAtEnd;
    }

    /** Returns the result; fails when there is none within the limit. */
    public V get(Duration limit) {
        try {
            return await(limit);
        } catch (ExecutionException e) {
            throw new AssertionError("the call failed", e.getCause());
        }
    }

    /** Returns the exception that the call threw; fails when it threw none within the limit. */
    public Throwable failure(Duration limit) {
        try {
            throw new AssertionError("no exception, but " + await(limit));
        } catch (ExecutionException e) {
            return e.getCause();
        }
    }

    private V await(Duration limit) throws ExecutionException {
        try {
            return task.get(limit.toMillis(), TimeUnit.MILLISECONDS);
        } catch (TimeoutException e) {
            AssertionError error = new AssertionError("still running after " + limit);
            error.setStackTrace(thread.getStackTrace());
            throw error;
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted while waiting", e);
        }
    }
}
