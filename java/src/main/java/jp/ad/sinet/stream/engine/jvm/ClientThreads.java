package jp.ad.sinet.stream.engine.jvm;

/**
 * Makes the threads of this library: daemons that have the context class loader of the thread that builds the client, and
 * nothing else of it. What threads inherit by themselves differs between JDKs, and by who happens to start them.
 */
public final class ClientThreads {
    private final ClassLoader loader = Thread.currentThread().getContextClassLoader();

    /** A thread that does not run yet. */
    public Thread make(Runnable work, String name) {
        return new Own(work, name, loader);
    }

    /** A thread that serves many clients, and has the loader of none. It does not run yet. */
    public static Thread shared(Runnable work, String name) {
        return new Own(work, name, null);
    }

    /** If this is a thread of the library's own, callbacks that it runs from now on find the client's loader. */
    public void enter() {
        Thread thread = Thread.currentThread();
        if (thread instanceof Own) {
            ((Own) thread).loader = loader;
            thread.setContextClassLoader(loader);
        }
    }

    /** No client's callback runs on this thread any more: it keeps no loader of an application alive. */
    public static void leave() {
        Thread thread = Thread.currentThread();
        if (thread instanceof Own) {
            ((Own) thread).loader = null;
            thread.setContextClassLoader(null);
        }
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
