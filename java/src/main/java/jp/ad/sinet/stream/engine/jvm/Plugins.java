package jp.ad.sinet.stream.engine.jvm;

import java.lang.ref.Reference;
import java.lang.ref.WeakReference;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.ServiceConfigurationError;
import java.util.ServiceLoader;
import java.util.ServiceLoader.Provider;
import java.util.WeakHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.logging.Level;

/** Finds the plugins of a kind: first with the thread's context class loader, then with this library's. */
public final class Plugins {
    /**
     * How long the result of a search is reused, so that a program that opens many clients searches its class path once a
     * second.
     */
    private static final long KEPT_NANOS = TimeUnit.SECONDS.toNanos(1);

    /**
     * By the context class loader, which must stay collectable: the classes of plugins refer to it and are therefore held
     * weakly.
     */
    private static final Map<ClassLoader, Map<Class<?>, Found>> FOUND = new WeakHashMap<>();

    private Plugins() {
    }

    /** The result of a search for the plugins of a kind. */
    private static final class Found {
        private final long at = System.nanoTime();
        private final Reference<List<? extends Provider<?>>> plugins;

        private Found(List<? extends Provider<?>> plugins) {
            this.plugins = new WeakReference<>(plugins);
        }

        private List<? extends Provider<?>> ifRecent() {
            return System.nanoTime() - at < KEPT_NANOS ? plugins.get() : null;
        }
    }

    /**
     * Makes all plugins of a kind, with new instances for each client, since an instance may keep what it was given. The
     * search result for the same context class loader may be up to a second old.
     *
     * @param kind the interface
     * @param <P> the interface
     * @return one instance of each class; plugins that cannot be loaded are omitted with a warning
     */
    public static <P> List<P> of(Class<P> kind) {
        List<P> plugins = new ArrayList<>();
        for (Provider<?> found : find(kind)) {
            try {
                plugins.add(kind.cast(found.get()));
            } catch (ServiceConfigurationError | LinkageError e) {
                cannotBeLoaded(e);
            }
        }
        return plugins;
    }

    private static List<? extends Provider<?>> find(Class<?> kind) {
        ClassLoader ofThread = Thread.currentThread().getContextClassLoader();
        synchronized (FOUND) {
            Found found = FOUND.getOrDefault(ofThread, Collections.emptyMap()).get(kind);
            List<? extends Provider<?>> plugins = found == null ? null : found.ifRecent();
            if (plugins != null) {
                return plugins;
            }
        }
        // Without the lock, since class loaders may belong to the application.
        List<Provider<?>> plugins = search(kind, ofThread);
        synchronized (FOUND) {
            FOUND.computeIfAbsent(ofThread, loader -> new HashMap<>()).put(kind, new Found(plugins));
        }
        return plugins;
    }

    private static List<Provider<?>> search(Class<?> kind, ClassLoader ofThread) {
        List<Provider<?>> found = new ArrayList<>();
        ClassLoader own = Plugins.class.getClassLoader();
        if (ofThread != null && knows(ofThread, kind)) {
            collect(kind, ofThread, found);
        }
        if (own != ofThread) {
            collect(kind, own, found);
        }
        return found;
    }

    /**
     * Tells whether a class loader has the same interface. One that has loaded this library a second time does not, and its
     * plugins belong to that copy.
     */
    private static boolean knows(ClassLoader loader, Class<?> kind) {
        try {
            return Class.forName(kind.getName(), false, loader) == kind;
        } catch (ClassNotFoundException | LinkageError e) {
            return false;
        }
    }

    private static void collect(Class<?> kind, ClassLoader loader, List<Provider<?>> found) {
        Iterator<? extends Provider<?>> plugins = ServiceLoader.load(kind, loader).stream().iterator();
        // A damaged services file could fail without end.
        for (int failures = 0; failures < 100;) {
            try {
                if (!plugins.hasNext()) {
                    return;
                }
                Provider<?> plugin = plugins.next();
                if (found.stream().noneMatch(known -> known.type() == plugin.type())) {
                    found.add(plugin);
                }
            } catch (ServiceConfigurationError | LinkageError e) {
                failures++;
                cannotBeLoaded(e);
            }
        }
    }

    private static void cannotBeLoaded(Throwable e) {
        Log.LOGGER.log(Level.WARNING, "a plugin can't be loaded: " + e.getMessage(), e);
    }

    /**
     * Asks each plugin of a kind for its name.
     *
     * @param kind the interface
     * @param name the interface's method that returns the name
     * @param <P> the interface
     * @return the names; a plugin that has none or throws is omitted with a warning
     */
    public static <P> List<String> names(Class<P> kind, Function<P, String> name) {
        List<String> names = new ArrayList<>();
        each(kind, plugin -> {
            String own = name.apply(plugin);
            if (own == null) {
                throw new IllegalStateException("it has no name");
            }
            names.add(own);
        });
        return names;
    }

    /**
     * Finds a plugin by its name.
     *
     * @param kind the interface
     * @param name the interface's method that returns the name
     * @param wanted the name
     * @param <P> the interface
     * @return the first one with that name, or null
     */
    public static <P> P named(Class<P> kind, Function<P, String> name, String wanted) {
        return first(kind, plugin -> wanted.equals(name.apply(plugin)));
    }

    /** Returns the first plugin that matches, or null. */
    public static <P> P first(Class<P> kind, Predicate<P> fits) {
        List<P> found = new ArrayList<>();
        each(kind, plugin -> {
            if (found.isEmpty() && fits.test(plugin)) {
                found.add(plugin);
            }
        });
        return found.isEmpty() ? null : found.get(0);
    }

    private static <P> void each(Class<P> kind, Consumer<P> work) {
        for (P plugin : of(kind)) {
            try {
                work.accept(plugin);
            } catch (RuntimeException | LinkageError e) {
                Log.LOGGER.log(Level.WARNING, "the plugin " + plugin.getClass().getName() + " is left out: " + e, e);
            }
        }
    }
}
