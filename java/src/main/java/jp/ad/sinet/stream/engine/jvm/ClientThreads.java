package jp.ad.sinet.stream.engine.jvm;

import java.security.AccessController;
import java.security.PrivilegedAction;

/**
 * Makes the threads of this library: daemons, but for one kind, that have the context class loader of the thread that builds the client, and
 * nothing else of it. What threads inherit by themselves differs between JDKs, and by who happens to start them.
 */
public final class ClientThreads {
    private final ClassLoader loader = Thread.currentThread().getContextClassLoader();

    /** A thread that does not run yet. */
    public Thread make(Runnable work, String name) {
        return new Own(work, name, loader);
    }

    /**
     * A thread that serves many clients, and has the loader of none. It does not run yet. Before JDK 24 a thread also keeps
     * the classes that are on the stack where it is made, those of the application among them, but none from before this.
     */
    public static Thread shared(Runnable work, String name) {
        return AccessController.doPrivileged((PrivilegedAction<Thread>) () -> new Own(work, name, null));
    }

    /** The same, for which the JVM waits: it is no daemon. */
    public static Thread staying(Runnable work, String name) {
        Thread thread = shared(work, name);
        thread.setDaemon(false);
        return thread;
    }

    /**
     * If this is a thread of the library's own, callbacks that it runs from now on find the client's loader. Returns the one
     * that they found before, for {@link #leave}: a callback of one client may close another one, whose callbacks run inside.
     */
    public ClassLoader enter() {
        return exchange(loader);
    }

    /** The client's callbacks do not run on this thread any more: it does not keep their loader alive. */
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

    /** After each call of the application's code: if this is a thread of the library's own, the next call finds its loader again. */
    public static void restoreLoader() {
        Thread thread = Thread.currentThread();
        if (thread instanceof Own) {
            thread.setContextClassLoader(((Own) thread).loader);
        }
    }

    private static final class Own extends Thread {
        /** Used by the thread alone. */
        private ClassLoader loader;

        Own(Runnable work, String name, ClassLoader loader) {
            super(null, work, name, 0, false);
            this.loader = loader;
            setContextClassLoader(loader);
            setDaemon(true);
        }
    }
}
