package jp.ad.sinet.stream.engine;

/**
 * Makes the threads of a client: daemons that have the context class loader of the thread that builds the client, and nothing
 * else of it. What threads inherit by themselves differs between JDKs, and by who happens to start them.
 */
final class ClientThreads {
    private final ClassLoader loader = Thread.currentThread().getContextClassLoader();

    /** A thread that does not run yet. */
    Thread make(Runnable work, String name) {
        return new Own(work, name, loader);
    }

    /** After each call of the application's code: if this is a client's thread, the next call finds its loader again. */
    static void restoreLoader() {
        Thread thread = Thread.currentThread();
        if (thread instanceof Own) {
            thread.setContextClassLoader(((Own) thread).loader);
        }
    }

    private static final class Own extends Thread {
        private final ClassLoader loader;

        Own(Runnable work, String name, ClassLoader loader) {
            super(null, work, name, 0, false);
            this.loader = loader;
            setContextClassLoader(loader);
            setDaemon(true);
        }
    }
}
