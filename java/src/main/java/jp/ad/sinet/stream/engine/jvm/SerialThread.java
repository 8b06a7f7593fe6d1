package jp.ad.sinet.stream.engine.jvm;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * A daemon thread that does one thing after the other; when there has been nothing to do for some time it ends, and comes again.
 * While none can be started, each thing tries again.
 */
public final class SerialThread {
    private static final long IDLE_MILLIS = 1000;

    private final ExecutorService executor;
    private volatile Thread thread;
    private volatile boolean stopped;

    /** It has the context class loader of the thread that calls this. */
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

    /** Has the work done, unless this throws: a RejectedExecutionException after the close, an Error without a thread. */
    public void execute(Runnable work) {
        executor.execute(work);
    }

    /** What is under way ends, and nothing more begins. */
    public boolean isStopped() {
        return stopped;
    }

    /** Gives what there is to do this time at most, and then stops; waits for that, too. It does not wait for itself. */
    public void close(long millis, long stopMillis) {
        executor.shutdown();
        await(millis);
        stop();
        await(stopMillis);
    }

    /** Interrupts what is under way, and forgets the rest. */
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
