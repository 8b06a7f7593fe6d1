package jp.ad.sinet.stream.engine.jvm;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.ref.WeakReference;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import jp.ad.sinet.stream.api.ValueType;
import jp.ad.sinet.stream.spi.ValueTypeProvider;
import jp.ad.sinet.stream.testing.Services;

/** Checks how often the class path is searched, and that a search keeps no class loader alive. */
@Timeout(60)
class PluginSearchTest {
    @TempDir
    Path directory;

    private final ClassLoader before = Thread.currentThread().getContextClassLoader();

    @AfterEach
    void restore() {
        Thread.currentThread().setContextClassLoader(before);
    }

    /** A class loader that counts how often services are searched. */
    private static final class Counting extends URLClassLoader {
        private final AtomicInteger searches = new AtomicInteger();

        private Counting() {
            super(new URL[0], PluginSearchTest.class.getClassLoader());
        }

        @Override
        public Enumeration<URL> getResources(String name) throws IOException {
            searches.incrementAndGet();
            return super.getResources(name);
        }
    }

    /** A plugin that does nothing. */
    public static final class NoType implements ValueTypeProvider {
        @Override
        public ValueType getValueType() {
            return null;
        }

        @Override
        public String getName() {
            return "no-type";
        }
    }

    /** The test repeats until two calls share a search: a second may pass between them, or the garbage collector may run. */
    @Test
    void manyClientsThatOpenSearchTheClassPathOnce() {
        Counting loader = new Counting();
        Thread.currentThread().setContextClassLoader(loader);
        int first;
        do {
            assertNotNull(Plugins.of(ValueTypeProvider.class));
            first = loader.searches.get();
            assertTrue(first > 0);
            Plugins.of(ValueTypeProvider.class);
        } while (loader.searches.get() > first);
    }

    /** A class loader with its own plugin. */
    private static final class Owning extends ClassLoader {
        private Owning(ClassLoader parent) {
            super(parent);
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (!name.equals(NoType.class.getName()) || findLoadedClass(name) != null) {
                return super.loadClass(name, resolve);
            }
            try (InputStream in = getResourceAsStream(name.replace('.', '/') + ".class")) {
                ByteArrayOutputStream code = new ByteArrayOutputStream();
                for (int next = in.read(); next >= 0; next = in.read()) {
                    code.write(next);
                }
                return defineClass(name, code.toByteArray(), 0, code.size());
            } catch (IOException e) {
                throw new ClassNotFoundException(name, e);
            }
        }
    }

    /** A plugin instance may keep what it was given. */
    @Test
    void everyClientHasPluginsOfItsOwn() throws Exception {
        Services.install(directory, ValueTypeProvider.class, NoType.class);
        List<ValueTypeProvider> all = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            Plugins.of(ValueTypeProvider.class).stream().filter(NoType.class::isInstance).forEach(all::add);
        }
        assertEquals(100, all.size());
        assertEquals(100, Set.copyOf(all).size());
    }

    @Test
    void whatWasFoundKeepsNoClassLoader() throws Exception {
        Services.install(directory, ValueTypeProvider.class, NoType.class);
        Thread.currentThread().setContextClassLoader(new Owning(Thread.currentThread().getContextClassLoader()));
        assertEquals(1, Plugins.of(ValueTypeProvider.class).stream()
                .filter(plugin -> plugin.getClass().getClassLoader() instanceof Owning).count());
        WeakReference<ClassLoader> loader = new WeakReference<>(Thread.currentThread().getContextClassLoader());
        Thread.currentThread().setContextClassLoader(before);
        while (loader.get() != null) {
            System.gc();
            Thread.sleep(10);
        }
    }
}
