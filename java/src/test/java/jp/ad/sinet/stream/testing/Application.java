package jp.ad.sinet.stream.testing;

import java.io.File;
import java.io.IOException;
import java.lang.ref.WeakReference;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.logging.Level;
import java.util.logging.Logger;

import jp.ad.sinet.stream.api.AsyncMessageReader;
import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.Compression;
import jp.ad.sinet.stream.api.Compressor;
import jp.ad.sinet.stream.api.ConnectionListener;
import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.Decompressor;
import jp.ad.sinet.stream.api.MessageIO;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.spi.CompressionProvider;

/** Applications as a server runs them: each has its own class loader, and therefore its own copy of the library. */
final class Application {
    private static final Logger LOGGER = Logger.getLogger("jp.ad.sinet.stream");

    private Application() {
    }

    /** A class loader of the whole class path. Once closed, it finds no classes except those of the JDK. */
    static final class Loader extends URLClassLoader {
        /** The names of the classes that were not found. */
        private final Set<String> missed = ConcurrentHashMap.newKeySet();

        Loader(Path... more) throws IOException {
            super(urls(more), ClassLoader.getPlatformClassLoader());
        }

        private static URL[] urls(Path... more) throws IOException {
            List<URL> urls = new ArrayList<>();
            for (Path each : more) {
                urls.add(each.toUri().toURL());
            }
            for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
                urls.add(Path.of(entry).toUri().toURL());
            }
            return urls.toArray(new URL[0]);
        }

        @Override
        protected Class<?> findClass(String name) throws ClassNotFoundException {
            try {
                return super.findClass(name);
            } catch (ClassNotFoundException e) {
                missed.add(name);
                throw e;
            }
        }

        /** Calls a method of this application's copy of {@link Parts}. */
        Object call(String method, String argument) throws Exception {
            Class<?> parts = loadClass(Parts.class.getName());
            if (parts == Parts.class) {
                throw new AssertionError("not a class of its own");
            }
            try {
                return parts.getMethod(method, String.class).invoke(null, argument);
            } catch (InvocationTargetException e) {
                throw new AssertionError(method + " failed", e.getCause());
            }
        }
    }

    /** Stops an application whose clients are open, then the broker, and prints the errors that the application gets. */
    static void stopped(Path services) throws Exception {
        LOGGER.setLevel(Level.OFF); // every loss of the connection is logged
        Callable<?> use;
        Loader loader = new Loader(services);
        try (ScriptedBroker broker = ScriptedBroker.neverAcknowledging()) {
            use = (Callable<?>) loader.call("open", broker.address());
            loader.close();
        }
        System.out.println(use.call());
        System.out.println("not found: " + loader.missed);
    }

    /** Deploys an application many times, and waits until nothing is left of any deployment. */
    static void redeployed(String broker) throws Exception {
        List<WeakReference<ClassLoader>> loaders = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            try (Loader loader = new Loader()) {
                System.out.println(loader.call("exchange", broker));
                loaders.add(new WeakReference<>(loader));
            }
        }
        Await.until("no class loader is left", () -> {
            System.gc();
            return loaders.stream().allMatch(loader -> loader.get() == null);
        });
    }

    /** The code that runs inside an application. */
    public static final class Parts {
        private static final Map<String, Object> NO_RECONNECT = Map.of("automatic_reconnect", false);

        private Parts() {
        }

        /** Sends a message, and causes an engine error of each kind that has its own cause. */
        public static String exchange(String broker) {
            Child.exchange(broker);
            exchangeAsynchronously(broker);
            try {
                Clients.textWriter("127.0.0.1:1", "t").build().getWriter();
                return "connected";
            } catch (RuntimeException e) {
                return e.getClass().getSimpleName() + ", " + e.getCause().getClass().getSimpleName();
            }
        }

        /** Exchanges messages asynchronously, which keeps the JVM running for both clients. */
        private static void exchangeAsynchronously(String broker) {
            CompletableFuture<String> read = new CompletableFuture<>();
            try (AsyncMessageReader<String> reader = Clients.textReader(broker, "redeployed").build().getAsyncReader();
                    AsyncMessageWriter<String> writer = Clients.textWriter(broker, "redeployed").build().getAsyncWriter()) {
                reader.addOnMessageCallback(message -> read.complete(message.getValue()));
                writer.writeAsync("x").join();
                read.join();
            }
        }

        /** Opens clients. The result uses and closes them. */
        public static Callable<List<String>> open(String broker) {
            AtomicInteger events = new AtomicInteger();
            ConnectionListener listener = event -> events.incrementAndGet();
            MessageWriter<String> writer = Clients.textWriter(broker, "t").consistency(Consistency.AT_LEAST_ONCE)
                    .parameter("connect", NO_RECONNECT).connectionListener(listener).build().getWriter();
            MessageReader<String> reader = Clients.textReader(broker, "t").parameter("connect", NO_RECONNECT)
                    .connectionListener(listener).build().getReader();
            MessageWriter<String> compressing = Clients.textWriter(broker, "t").parameter("data_compression", true)
                    .parameter("compression", Map.of("algorithm", "failing")).connectionListener(listener).build().getWriter();
            AsyncMessageWriter<String> asyncWriter = Clients.textWriter(broker, "t").consistency(Consistency.AT_LEAST_ONCE)
                    .parameter("connect", NO_RECONNECT).connectionListener(listener).build().getAsyncWriter();
            AsyncMessageReader<String> asyncReader = Clients.textReader(broker, "t").parameter("connect", NO_RECONNECT)
                    .connectionListener(listener).build().getAsyncReader();
            asyncReader.addOnMessageCallback(message -> { });
            Await.until("all are connected", () -> events.get() == 5);
            return () -> {
                List<String> met = new ArrayList<>();
                for (Runnable use : List.<Runnable>of(() -> writer.write("x"), () -> writer.write("x"), () -> writer.write("x"),
                        writer::flush, () -> writer.ping(Duration.ofSeconds(10)), reader::read, () -> compressing.write("x"),
                        () -> asyncWriter.writeAsync("x").join())) {
                    met.add(outcome(use));
                }
                for (MessageIO client : List.of(writer, reader, compressing, asyncWriter, asyncReader)) {
                    met.add(outcome(client::close));
                    client.getMetrics();
                }
                return met;
            };
        }

        private static String outcome(Runnable use) {
            try {
                use.run();
                return "done";
            } catch (CompletionException e) {
                return name(e.getCause());
            } catch (Throwable e) {
                return name(e);
            }
        }

        private static String name(Throwable e) {
            return e instanceof SinetStreamIOException ? "failed" : e.toString();
        }
    }

    /** A compression that fails. */
    public static final class Failing implements CompressionProvider, Compression {
        @Override
        public String getName() {
            return "failing";
        }

        @Override
        public Compression getCompression() {
            return this;
        }

        @Override
        public Compressor getCompressor(Integer level, Map<String, Object> parameters) {
            return bytes -> {
                throw new IllegalStateException("on purpose");
            };
        }

        @Override
        public Decompressor getDecompressor(Map<String, Object> parameters) {
            return bytes -> bytes;
        }

        /** Returns a directory for the class path, by which the compression is found. */
        static Path services(Path folder) throws IOException {
            Path file = folder.resolve("META-INF/services/" + CompressionProvider.class.getName());
            Files.createDirectories(file.getParent());
            Files.writeString(file, Failing.class.getName());
            return folder;
        }
    }
}
