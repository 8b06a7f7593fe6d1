package jp.ad.sinet.stream.engine.plugin;

import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;

import jp.ad.sinet.stream.api.Deserializer;
import jp.ad.sinet.stream.engine.client.EventPump;
import jp.ad.sinet.stream.engine.jvm.ClientThreads;
import jp.ad.sinet.stream.engine.jvm.SerialThread;
import jp.ad.sinet.stream.spi.PluginMessageReader;
import jp.ad.sinet.stream.spi.PluginMessageWrapper;

/**
 * Makes a plugin's blocking reader asynchronous: one thread reads, from the first callback to the close, as long as there is
 * a listener and not too many messages wait.
 */
final class ReaderThread<T> {
    private static final int MAX_BACKLOG = 1000;
    /** The pause after a failure, so that a lasting one does not fill the log. */
    private static final long PAUSE_MILLIS = 100;
    /** The longest pause after the plugin returned no message without waiting for one. */
    private static final long MAX_PAUSE_MILLIS = 1000;

    final Inbox<T> inbox;
    final SerialThread thread = new SerialThread("sinetstream-reader");
    private final PluginMessageReader reader;
    private final AtomicBoolean reading = new AtomicBoolean();
    /** Used only by the thread. */
    private long pauseMillis = 1;

    ReaderThread(Plugged<Deserializer<T>> plugged, PluginMessageReader reader) {
        this.reader = reader;
        inbox = new Inbox<>(plugged, reader, this::begin);
    }

    /** Ensures that a thread reads. If this fails because no thread can be started, it can be called again. */
    private void begin() {
        if (reading.compareAndSet(false, true)) {
            try {
                thread.execute(this::run);
            } catch (RejectedExecutionException e) {
                // The reader is closed.
            } catch (OutOfMemoryError e) {
                reading.set(false);
                throw e;
            }
        }
    }

    private void run() {
        do {
            try {
                while (isWanted()) {
                    step();
                }
            } finally {
                reading.set(false);
            }
        } while (isWanted() && reading.compareAndSet(false, true));
    }

    private boolean isWanted() {
        return !thread.isStopped() && inbox.callbacks.wantsMessages() && inbox.size() < MAX_BACKLOG;
    }

    private void step() {
        long begun = System.nanoTime();
        try {
            PluginMessageWrapper read = reader.read();
            ClientThreads.restoreLoader();
            if (read == null) {
                pauseSince(begun);
                return;
            }
            pauseMillis = 1;
            EventPump.persist(() -> inbox.add(read));
            EventPump.persist(inbox::tell);
        } catch (Throwable e) { // a plugin can throw anything
            ClientThreads.restoreLoader();
            if (!thread.isStopped()) {
                EventPump.persist(() -> inbox.failed(e));
                pause(PAUSE_MILLIS);
            }
        }
    }

    /** Pauses longer each time for a plugin that does not wait for messages itself, as at the end of a stream. */
    private void pauseSince(long begun) {
        long left = pauseMillis - TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun);
        if (left > 0) {
            pauseMillis = Math.min(2 * pauseMillis, MAX_PAUSE_MILLIS);
            pause(left);
        }
    }

    private void pause(long millis) {
        if (!thread.isStopped()) {
            Thread.interrupted(); // an interrupt that the plugin left behind
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(millis));
        }
    }
}
