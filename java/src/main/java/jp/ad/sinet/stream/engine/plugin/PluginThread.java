package jp.ad.sinet.stream.engine.plugin;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

import jp.ad.sinet.stream.engine.jvm.ClientThreads;

/** The daemon thread on which an asynchronous client calls its plugin, from the first thing to do to the close. */
final class PluginThread {
    private final ExecutorService executor;
    private volatile Thread thread;
    private volatile boolean stopped;

    PluginThread(String name) {
        ClientThreads threads = new ClientThreads();
        executor = Executors.newFixedThreadPool(1, work -> {
            Thread made = threads.make(work, name);
            thread = made;
            return made;
        });
    }

    /** Has the work done, unless this throws: a RejectedExecutionException after the close, an Error without a thread. */
    void execute(Runnable work) {
        executor.execute(work);
    }

    /** What is under way ends, and nothing more begins. */
    boolean isStopped() {
        return stopped;
    }

    /** Gives what there is to do this time at most, and then interrupts it. It does not wait for itself. */
    void close(long millis) {
        executor.shutdown();
        await(millis);
        stop();
        await(PluggedClient.INTERRUPT_MILLIS);
    }

    void stop() {
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
