package jp.ad.sinet.stream.engine.plugin;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.logging.Level;

import org.jdeferred2.Promise;
import org.jdeferred2.impl.DeferredObject;

import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.engine.jvm.ClientThreads;
import jp.ad.sinet.stream.engine.jvm.Log;
import jp.ad.sinet.stream.spi.PluginAsyncMessageWriter;
import jp.ad.sinet.stream.spi.PluginMessageWriter;
import jp.ad.sinet.stream.utils.Timestamped;

/** Makes a plugin's blocking writer asynchronous: one daemon thread writes, in the order of the calls. */
final class WriterThread implements PluginAsyncMessageWriter {
    /** More messages make {@link #write} wait. */
    private static final int MAX_WAITING = 10_000;
    private static final int CLOSE_SECONDS = 10;

    private final PluginMessageWriter writer;
    private final Semaphore room = new Semaphore(MAX_WAITING);
    private volatile Write current;
    private volatile Thread worker;
    private final ClientThreads threads = new ClientThreads();
    private final ExecutorService thread = Executors.newSingleThreadExecutor(work -> {
        Thread made = threads.make(work, "sinetstream-writer");
        worker = made;
        return made;
    });

    WriterThread(PluginMessageWriter writer) {
        this.writer = writer;
    }

    @Override
    public Promise<?, ? extends Throwable, ?> write(Timestamped<byte[]> message) {
        try {
            room.acquire();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new SinetStreamIOException("interrupted while waiting for room; the message was not sent", e);
        }
        Write write = new Write(message);
        try {
            thread.execute(write);
        } catch (RejectedExecutionException e) {
            room.release();
            throw new SinetStreamIOException("the writer is closed; the message was not sent", e);
        }
        return write.deferred.promise();
    }

    /** A message on its way. */
    private final class Write implements Runnable {
        private final Timestamped<byte[]> message;
        private final DeferredObject<Void, Throwable, Void> deferred = new DeferredObject<>();
        private final AtomicBoolean ended = new AtomicBoolean();

        Write(Timestamped<byte[]> message) {
            this.message = message;
        }

        @Override
        public void run() {
            current = this;
            Throwable failure = null;
            try {
                writer.write(message);
            } catch (Throwable e) { // a plugin can throw anything
                failure = e;
            }
            ClientThreads.restoreLoader();
            current = null;
            room.release(); // before the callbacks, which may write
            end(failure);
        }

        void end(Throwable failure) {
            if (!ended.compareAndSet(false, true)) {
                return;
            }
            try {
                if (failure == null) {
                    deferred.resolve(null);
                } else {
                    deferred.reject(failure);
                }
            } catch (Error e) { // of a callback; JDeferred takes its exceptions
                Log.LOGGER.log(Level.WARNING, "a callback of a message failed", e);
            }
        }
    }

    @Override
    public void close() {
        thread.shutdown();
        try {
            if (Thread.currentThread() == worker || !thread.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
                stop();
            }
        } catch (InterruptedException e) {
            stop();
            Thread.currentThread().interrupt();
        } finally {
            writer.close();
        }
    }

    /** Every message has its end, in their order, even when the plugin's writer does not return. */
    private void stop() {
        Write under = current;
        List<Runnable> never = thread.shutdownNow();
        if (under != null) {
            under.end(new SinetStreamIOException("the writer was closed; the message may have been delivered"));
        }
        for (Runnable each : never) {
            ((Write) each).end(new SinetStreamIOException("the writer was closed; the message was not sent"));
        }
    }

    @Override
    public String getTopic() {
        return writer.getTopic();
    }

    @Override
    public Map<String, Object> getConfig() {
        return writer.getConfig();
    }

    @Override
    public Consistency getConsistency() {
        return writer.getConsistency();
    }

    @Override
    public String getClientId() {
        return writer.getClientId();
    }

    @Override
    public Object getMetrics() {
        return writer.getMetrics();
    }

    @Override
    public void resetMetrics() {
        writer.resetMetrics();
    }

    @Override
    public Object getInfo(List<String> ipath) {
        return writer.getInfo(ipath);
    }

    @Override
    public void debugDisconnectForcibly() throws Exception {
        writer.debugDisconnectForcibly();
    }
}
