package jp.ad.sinet.stream.engine.plugin;

import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.engine.jvm.ClientThreads;
import jp.ad.sinet.stream.spi.PluginAsyncMessageReader;
import jp.ad.sinet.stream.spi.PluginMessageReader;
import jp.ad.sinet.stream.spi.PluginMessageWrapper;

/** Makes a plugin's blocking reader asynchronous: one daemon thread reads, from the first callback to the close. */
final class ReaderThread implements PluginAsyncMessageReader {
    private static final long CLOSE_MILLIS = 10_000;
    /** After a failure, so that one that lasts does not fill the log. */
    private static final long PAUSE_MILLIS = 100;
    /** The longest pause after a plugin had no message and did not wait for one. */
    private static final long MAX_PAUSE_MILLIS = 1000;

    private final PluginMessageReader reader;
    private final ClientThreads threads = new ClientThreads();
    private volatile Consumer<PluginMessageWrapper> onMessage;
    private volatile Consumer<Throwable> onFailure;
    private volatile boolean closed;
    private boolean wanted = true;
    /** Of the thread alone. */
    private long pauseMillis = 1;
    private Thread thread;

    ReaderThread(PluginMessageReader reader) {
        this.reader = reader;
    }

    private void run() {
        PluginMessageWrapper read = null;
        while (awaitListener()) {
            try {
                read = read == null ? read() : read;
                Consumer<PluginMessageWrapper> listener = onMessage;
                if (read != null && listener != null) {
                    PluginMessageWrapper message = read;
                    read = null;
                    listener.accept(message);
                }
            } catch (Throwable e) { // a plugin can throw anything
                if (closed) {
                    return;
                }
                Consumer<Throwable> listener = onFailure;
                if (listener != null) {
                    listener.accept(e);
                }
                pause(PAUSE_MILLIS);
            }
        }
    }

    private PluginMessageWrapper read() {
        long begun = System.nanoTime();
        PluginMessageWrapper read;
        try {
            read = reader.read();
        } finally {
            ClientThreads.restoreLoader();
        }
        if (read != null) {
            pauseMillis = 1;
        } else {
            pauseSince(begun);
        }
        return read;
    }

    /** A plugin that does not wait for messages itself, as at the end of a stream, is asked more and more seldom. */
    private void pauseSince(long begun) {
        long left = pauseMillis - TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun);
        if (left <= 0) {
            return;
        }
        pauseMillis = Math.min(2 * pauseMillis, MAX_PAUSE_MILLIS);
        pause(left);
    }

    /** Nothing is read for nobody. False after the close. */
    private synchronized boolean awaitListener() {
        while (!closed && (onMessage == null || !wanted)) {
            try {
                wait();
            } catch (InterruptedException e) {
                // closed
            }
        }
        return !closed;
    }

    /** Whether somebody listens to what the callback gets. */
    synchronized void want(boolean messages) {
        wanted = messages;
        notifyAll();
    }

    private static void pause(long millis) {
        try {
            TimeUnit.MILLISECONDS.sleep(millis);
        } catch (InterruptedException e) {
            // closed
        }
    }

    @Override
    public synchronized void addOnMessageCallback(Consumer<PluginMessageWrapper> message, Consumer<Throwable> failure) {
        onMessage = message;
        onFailure = failure;
        notifyAll();
        if (thread == null && !closed) {
            thread = threads.make(this::run, "sinetstream-reader");
            thread.start();
        }
    }

    @Override
    public void removeOnMessageCallback(Consumer<PluginMessageWrapper> message, Consumer<Throwable> failure) {
        clearOnMessageCallback();
    }

    @Override
    public void clearOnMessageCallback() {
        onMessage = null;
        onFailure = null;
    }

    @Override
    public void close() {
        Thread running;
        synchronized (this) {
            closed = true;
            running = thread;
            notifyAll();
        }
        try {
            if (running != null && running != Thread.currentThread()) {
                running.interrupt();
                running.join(CLOSE_MILLIS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            reader.close();
        }
    }

    @Override
    public List<String> getTopics() {
        return reader.getTopics();
    }

    @Override
    public Map<String, Object> getConfig() {
        return reader.getConfig();
    }

    @Override
    public Consistency getConsistency() {
        return reader.getConsistency();
    }

    @Override
    public String getClientId() {
        return reader.getClientId();
    }

    @Override
    public Object getMetrics() {
        return reader.getMetrics();
    }

    @Override
    public void resetMetrics() {
        reader.resetMetrics();
    }

    @Override
    public Object getInfo(List<String> ipath) {
        return reader.getInfo(ipath);
    }

    @Override
    public void debugDisconnectForcibly() throws Exception {
        reader.debugDisconnectForcibly();
    }
}
