package jp.ad.sinet.stream.engine.plugin;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import java.util.logging.Level;

import jp.ad.sinet.stream.engine.client.EventPump;
import jp.ad.sinet.stream.engine.jvm.ClientThreads;
import jp.ad.sinet.stream.engine.jvm.Log;

/** The daemon thread on which an asynchronous client calls its plugin, from the first thing to do to the close. */
final class PluginThread {
    private final BooleanSupplier step;
    private final Function<Runnable, Thread> threads;
    /** It runs, or has run; changed under the lock of this object. */
    private volatile Thread thread;
    private volatile boolean finishing;

    /** {@code step} does something, or is false: then it comes again after {@link #wake}. */
    PluginThread(BooleanSupplier step, Function<Runnable, Thread> threads) {
        this.step = step;
        this.threads = threads;
    }

    /** The same with the context class loader of the thread that calls this. */
    static PluginThread of(BooleanSupplier step, String name) {
        ClientThreads threads = new ClientThreads();
        return new PluginThread(step, work -> threads.make(work, name));
    }

    /** There is a thread afterwards, unless this fails for want of memory or threads; then it can be tried again. */
    synchronized void begin() {
        if (thread == null && !finishing) {
            Thread made = threads.apply(this::run);
            made.start();
            thread = made;
        }
    }

    /** There is something to do. */
    void wake() {
        LockSupport.unpark(thread);
    }

    /** It ends when there is nothing left to do. Waits this long at most for that, but not for itself. */
    void finish(long millis) {
        Thread running;
        synchronized (this) {
            finishing = true;
            running = thread;
        }
        wake();
        try {
            if (running != null && running != Thread.currentThread()) {
                TimeUnit.MILLISECONDS.timedJoin(running, millis);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void run() {
        while (true) {
            boolean last = finishing;
            try {
                if (step.getAsBoolean()) {
                    continue;
                }
                if (last) {
                    return;
                }
                Thread.interrupted(); // the plugin's own, which would end each wait
                LockSupport.park(this);
            } catch (OutOfMemoryError e) {
                EventPump.pause();
            } catch (Throwable e) {
                Log.LOGGER.log(Level.SEVERE, "internal error: a plugin's client could not go on with something", e);
            }
        }
    }
}
