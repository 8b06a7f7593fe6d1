package jp.ad.sinet.stream.engine;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

import org.jdeferred2.Promise;
import org.jdeferred2.impl.DeferredObject;

import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.SinetStreamIOException;
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
    private final ExecutorService thread = Executors.newSingleThreadExecutor(work -> {
        Thread made = new Thread(work, "sinetstream-writer");
        made.setDaemon(true);
        return made;
    });

    WriterThread(PluginMessageWriter writer) {
        this.writer = writer;
    }

    @Override
    public Promise<?, ? extends Throwable, ?> write(Timestamped<byte[]> message) {
        DeferredObject<Void, Throwable, Void> deferred = new DeferredObject<>();
        try {
            room.acquire();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new SinetStreamIOException("interrupted while waiting for room; the message was not sent", e);
        }
        try {
            thread.execute(() -> {
                try {
                    writer.write(message);
                } catch (RuntimeException | LinkageError e) {
                    deferred.reject(e);
                    return;
                } finally {
                    room.release();
                }
                deferred.resolve(null);
            });
        } catch (RejectedExecutionException e) {
            room.release();
            throw new SinetStreamIOException("the writer is closed; the message was not sent", e);
        }
        return deferred.promise();
    }

    @Override
    public void close() {
        thread.shutdown();
        try {
            if (!thread.awaitTermination(CLOSE_SECONDS, TimeUnit.SECONDS)) {
                thread.shutdownNow();
            }
        } catch (InterruptedException e) {
            thread.shutdownNow();
            Thread.currentThread().interrupt();
        } finally {
            writer.close();
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
