package jp.ad.sinet.stream.engine.jvm;

import java.security.AccessController;
import java.security.PrivilegedAction;

/**
 * Makes the threads of this library. They are daemons, with one exception, and have the context class loader of the thread
 * that builds the client, and nothing else from it. By default a thread's inheritance depends on the JDK and on the thread
 * that happens to start it.
 */
public final class ClientThreads {
    private final ClassLoader loader = Thread.currentThread().getContextClassLoader();

    /** Returns a thread that has not been started. */
    public Thread make(Runnable work, String name) {
        return new Own(work, name, loader);
    }

    /**
     * Returns a thread that serves many clients and has the class loader of none. It has not been started. Before JDK 24 a
     * thread also keeps alive the classes on the stack where it is made, those of the application among them; doPrivileged
     * cuts the stack off here.
     */
    public static Thread shared(Runnable work, String name) {
        return AccessController.doPrivileged((PrivilegedAction<Thread>) () -> new Own(work, name, null));
    }

    /** Returns a shared thread for which the JVM waits, because it is no daemon. */
    public static Thread staying(Runnable work, String name) {
        Thread thread = shared(work, name);
        thread.setDaemon(false);
        return thread;
    }

    /**
     * Makes the client's class loader the context class loader of callbacks from now on, if this is a thread of the library.
     * Returns the previous one, for {@link #leave}: a callback of one client may close another client, whose callbacks then
     * run inside it.
     */
    public ClassLoader enter() {
        return exchange(loader);
    }

    /** Restores the previous class loader after the client's callbacks, so that the thread does not keep the client's alive. */
    public static void leave(ClassLoader before) {
        exchange(before);
    }

    private static ClassLoader exchange(ClassLoader loader) {
        Thread thread = Thread.currentThread();
        if (!(thread instanceof Own)) {
            return null;
        }
        ClassLoader before = ((Own) thread).loader;
        ((Own) thread).loader = loader;
        thread.setContextClassLoader(loader);
        return before;
    }

    /** Restores the context class loader after each call of application code, if this is a thread of the library. */
    public static void restoreLoader() {
        Thread thread = Thread.currentThread();
        if (thread instanceof Own) {
            thread.setContextClassLoader(((Own) thread).loader);
        }
    }

    private static final class Own extends Thread {
        /** Used only by the thread itself. */
        private ClassLoader loader;

        Own(Runnable work, String name, ClassLoader loader) {
            super(null, work, name, 0, false);
            this.loader = loader;
            setContextClassLoader(loader);
            setDaemon(true);
        }
    }
}
