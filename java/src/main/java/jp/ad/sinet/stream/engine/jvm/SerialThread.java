package jp.ad.sinet.stream.engine.jvm;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * A daemon thread that runs one task after the other. It ends after some time without tasks, and is started again when
 * needed. While none can be started, each new task tries again.
 */
public final class SerialThread {
    private static final long IDLE_MILLIS = 1000;

    private final ExecutorService executor;
    private volatile Thread thread;
    private volatile boolean stopped;

    /** Makes a thread with the context class loader of the calling thread. */
    public SerialThread(String name) {
        ClientThreads threads = new ClientThreads();
        ThreadPoolExecutor one = new ThreadPoolExecutor(1, 1, IDLE_MILLIS, TimeUnit.MILLISECONDS, new LinkedBlockingQueue<>(), work -> {
            Thread made = threads.make(work, name);
            thread = made;
            return made;
        });
        one.allowCoreThreadTimeOut(true);
        executor = one;
    }

    /**
     * Runs the task later, unless this throws: a RejectedExecutionException after the close, an Error if no thread can be
     * started.
     */
    public void execute(Runnable work) {
        executor.execute(work);
    }

    /** Tells whether the thread is stopped: the present task ends, and no other begins. */
    public boolean isStopped() {
        return stopped;
    }

    /**
     * Lets the remaining tasks run for at most this time, then stops and waits for the present task, too. The thread does not
     * wait for itself.
     */
    public void close(long millis, long stopMillis) {
        executor.shutdown();
        await(millis);
        stop();
        await(stopMillis);
    }

    /** Interrupts the present task, and drops the others. */
    public void stop() {
        stopped = true;
        executor.shutdownNow();
    }

    private void await(long millis) {
        try {
            if (Thread.currentThread() != thread) {
                executor.awaitTermination(millis, TimeUnit.MILLISECONDS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
