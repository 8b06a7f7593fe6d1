package jp.ad.sinet.stream.engine.plugin;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;

import jp.ad.sinet.stream.api.Deserializer;
import jp.ad.sinet.stream.engine.jvm.ClientThreads;
import jp.ad.sinet.stream.spi.PluginMessageReader;
import jp.ad.sinet.stream.spi.PluginMessageWrapper;

/**
 * Makes a plugin's blocking reader asynchronous: one thread reads, from the first callback to the close, as long as somebody
 * listens and not too many messages wait.
 */
final class ReaderThread<T> {
    private static final int MAX_BACKLOG = 1000;
    /** After a failure, so that one that lasts does not fill the log. */
    private static final long PAUSE_MILLIS = 100;
    /** The longest pause after a plugin had no message and did not wait for one. */
    private static final long MAX_PAUSE_MILLIS = 1000;

    final Inbox<T> inbox;
    final PluginThread thread = PluginThread.of(this::step, "sinetstream-reader");
    private final PluginMessageReader reader;
    private final Calls calls;
    // of the thread alone
    private long pauseMillis = 1;
    /** What was read, until it is in the inbox. */
    private PluginMessageWrapper read;
    /** The pump is to be told. */
    private boolean untold;

    ReaderThread(Plugged<Deserializer<T>> plugged, PluginMessageReader reader, Calls calls) {
        this.reader = reader;
        this.calls = calls;
        inbox = new Inbox<>(plugged, reader, thread::wake);
    }

    private boolean step() {
        if (read != null) {
            inbox.add(read);
            read = null;
            untold = true;
        }
        if (untold) {
            inbox.tell();
            untold = false;
        }
        if (!inbox.callbacks.wantsMessages() || inbox.size() >= MAX_BACKLOG) {
            return false;
        }
        try {
            read();
        } catch (Throwable e) { // a plugin can throw anything
            if (inbox.callbacks.wantsMessages()) {
                inbox.failed(e);
                pause(PAUSE_MILLIS);
            }
        }
        return true;
    }

    private void read() {
        long begun = System.nanoTime();
        try {
            read = calls.call(reader::read);
        } finally {
            ClientThreads.restoreLoader();
        }
        if (read != null) {
            pauseMillis = 1;
        } else {
            pauseSince(begun);
        }
    }

    /** A plugin that does not wait for messages itself, as at the end of a stream, is asked more and more seldom. */
    private void pauseSince(long begun) {
        long left = pauseMillis - TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begun);
        if (left > 0) {
            pauseMillis = Math.min(2 * pauseMillis, MAX_PAUSE_MILLIS);
            pause(left);
        }
    }

    /** Ends early when there may be something else to do. */
    private static void pause(long millis) {
        LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(millis));
    }
}
