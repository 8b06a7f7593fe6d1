package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.ref.WeakReference;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.CodeSource;
import java.security.SecureClassLoader;
import java.security.cert.Certificate;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.spi.CompressionProvider;
import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Background;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Proxy;
import jp.ad.sinet.stream.testing.Services;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/**
 * The code that a client calls on its own threads finds the context class loader of the thread that built the client,
 * whichever thread starts the threads, and whatever the previous call has set.
 */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class ContextLoaderTest {
    private static final Duration LIMIT = Duration.ofSeconds(20);
    /** The loaders that threads have found, by the kind of call. */
    private static final Map<String, List<ClassLoader>> SEEN = new ConcurrentHashMap<>();
    private static final ClassLoader LEFT_BEHIND = new URLClassLoader(new URL[0]);

    @RegisterExtension
    static final Broker BROKER = new Broker();

    @TempDir
    Path directory;

    private final ClassLoader before = Thread.currentThread().getContextClassLoader();
    private final String topic = Clients.topic();

    @AfterEach
    void forget() {
        Thread.currentThread().setContextClassLoader(before);
        SEEN.clear();
    }

    /** Records the loader, and sets another one. */
    private static void call(String kind) {
        List<ClassLoader> loaders = SEEN.computeIfAbsent(kind, name -> Collections.synchronizedList(new ArrayList<>()));
        loaders.add(Thread.currentThread().getContextClassLoader());
        Thread.currentThread().setContextClassLoader(LEFT_BEHIND);
    }

    private static void seen(ClassLoader expected, int atLeast, String kind) {
        Await.until(LIMIT, kind, () -> SEEN.containsKey(kind) && SEEN.get(kind).size() >= atLeast);
        for (ClassLoader loader : SEEN.get(kind).toArray(new ClassLoader[0])) {
            assertSame(expected, loader, kind);
        }
    }

    private static <V> V on(ClassLoader loader, Callable<V> work) {
        return Background.call(() -> {
            Thread.currentThread().setContextClassLoader(loader);
            return work.call();
        }).get(LIMIT);
    }

    private static ClassLoader loader(boolean none) {
        return none ? null : new URLClassLoader(new URL[0], ContextLoaderTest.class.getClassLoader());
    }

    private MessageReaderFactory.MessageReaderFactoryBuilder<String> reader(String address) {
        return Clients.textReader(address, topic).consistency(Consistency.AT_LEAST_ONCE)
                .parameter("connect", Map.of("automatic_reconnect", false)).deserializer(bytes -> {
                    call("deserializer");
                    String value = new String(bytes, StandardCharsets.UTF_8);
                    if (value.equals("bad")) {
                        throw new IllegalStateException("a bad value");
                    }
                    return value;
                });
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void ofMqttClients(boolean none) throws Exception {
        ClassLoader loader = loader(none);
        try (Proxy proxy = new Proxy(BROKER.openPort());
                Proxy slow = new Proxy(BROKER.openPort());
                AsyncMessageWriter<String> writer = on(loader, () -> Clients.textWriter(slow.address(), topic)
                        .consistency(Consistency.AT_LEAST_ONCE).connectionListener(event -> call("writer's listener")).build()
                        .getAsyncWriter());
                AsyncMessageReader<String> reader = on(loader, () -> reader(proxy.address())
                        .connectionListener(event -> call("reader's listener")).build().getAsyncReader())) {
            reader.addOnMessageCallback(message -> call("message"), failure -> call("failure"));
            reader.addOnMessageCallback(message -> call("the same message"), failure -> call("the same failure"));
            slow.stall(true); // a callback that is added after the confirmation runs where it is added
            for (String value : List.of("good", "bad", "good", "bad")) {
                writer.write(value).done(nothing -> call("done")).done(nothing -> call("done again"))
                        .always((state, nothing, failure) -> call("always"));
                writer.write(value).done(nothing -> call("done alone"));
                writer.writeAsync(value).thenRun(() -> call("future"));
            }
            slow.stall(false);
            for (String kind : List.of("message", "the same message", "failure", "the same failure")) {
                seen(loader, 6, kind);
            }
            seen(loader, 12, "deserializer");
            for (String kind : List.of("done", "done again", "always", "done alone", "future")) {
                seen(loader, 4, kind);
            }
            proxy.cut();
            seen(loader, 7, "failure");
            reader.addOnMessageCallback(message -> { }, failure -> call("late failure"));
            seen(loader, 1, "late failure");
        }
        seen(loader, 2, "reader's listener");
        seen(loader, 2, "writer's listener");
    }

    /** A plugin that returns its input. */
    public static class Spoiling implements CompressionProvider, Compression {
        @Override
        public String getName() {
            return "spoiling";
        }

        @Override
        public Compression getCompression() {
            return this;
        }

        @Override
        public Compressor getCompressor(Integer level, Map<String, Object> parameters) {
            return data -> data;
        }

        @Override
        public Decompressor getDecompressor(Map<String, Object> parameters) {
            return data -> {
                call("decompressor");
                return data;
            };
        }
    }

    @Test
    void ofPluginsOfTheReader() throws Exception {
        Services.install(directory, CompressionProvider.class, Spoiling.class);
        ClassLoader loader = Thread.currentThread().getContextClassLoader();
        Map<String, Object> parameters = Map.of("data_compression", true, "compression", Map.of("algorithm", "spoiling"));
        try (AsyncMessageReader<String> reader = reader(BROKER.open()).parameters(parameters).build().getAsyncReader();
                MessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic).parameters(parameters).build()
                        .getWriter()) {
            reader.addOnMessageCallback(message -> call("message"));
            for (int i = 0; i < 5; i++) {
                writer.write("good");
            }
            seen(loader, 5, "message");
            seen(loader, 5, "decompressor");
            seen(loader, 5, "deserializer");
        }
    }

    private static void await(CountDownLatch latch) throws IOException {
        try {
            latch.await();
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
    }

    /** The first caller starts the threads, whichever loader it has. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void ofOtherMessagingSystems(boolean none) {
        ClassLoader loader = loader(none);
        CountDownLatch callbacksAreThere = new CountDownLatch(1);
        ByteArrayOutputStream out = new ByteArrayOutputStream() {
            @Override
            public void write(byte[] bytes) throws IOException {
                await(callbacksAreThere);
                call("plugin's write");
            }
        };
        InputStream in = new InputStream() {
            private int left = 5;

            @Override
            public int read() {
                return -1;
            }

            @Override
            public byte[] readAllBytes() throws IOException {
                await(callbacksAreThere);
                if (left-- <= 0) {
                    throw new IOException("that was all");
                }
                call("plugin's read");
                return Clients.wire(new byte[] {'x'});
            }
        };
        try (AsyncMessageWriter<String> writer = on(loader, () -> MessageWriterFactory.<String>builder().noConfig(true)
                .type("iostream").valueType(SimpleValueType.TEXT).parameter("iostream", Map.of("output_stream", out)).build()
                .getAsyncWriter());
                AsyncMessageReader<String> reader = on(loader, () -> MessageReaderFactory.<String>builder().noConfig(true)
                        .type("iostream").parameter("iostream", Map.of("input_stream", in)).deserializer(bytes -> {
                            call("deserializer");
                            return "x";
                        }).build().getAsyncReader())) {
            reader.addOnMessageCallback(message -> call("message"), failure -> call("failure"));
            reader.addOnMessageCallback(message -> call("the same message"));
            for (int i = 0; i < 5; i++) {
                writer.write("x").done(nothing -> call("done")).done(nothing -> call("done again"));
            }
            callbacksAreThere.countDown();
            for (String kind : List.of("plugin's write", "plugin's read", "deserializer", "message", "the same message",
                    "done", "done again")) {
                seen(loader, 5, kind);
            }
            seen(loader, 1, "failure");
        }
    }

    /** Threads of an executor keep the loader that the application has set. */
    @Test
    void threadsOfAnExecutorStayAsTheyAre() throws Exception {
        ExecutorService executor = Executors.newSingleThreadExecutor();
        ClassLoader ofExecutor = loader(false);
        executor.submit(() -> Thread.currentThread().setContextClassLoader(ofExecutor)).get();
        try (AsyncMessageReader<String> reader = on(loader(false), () -> Clients.textReader(BROKER.open(), topic)
                .executor(executor).build().getAsyncReader());
                MessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic).build().getWriter()) {
            reader.addOnMessageCallback(message -> call(message.getValue()));
            writer.write("first");
            seen(ofExecutor, 1, "first");
            writer.write("second");
            seen(LEFT_BEHIND, 1, "second");
        } finally {
            executor.shutdown();
        }
    }

    /** An application server can unload an application once its clients are closed. */
    @Test
    void afterTheCloseNothingKeepsTheLoader() throws Exception {
        WeakReference<ClassLoader> used = used();
        Await.until(LIMIT, "the loader is garbage", () -> {
            System.gc();
            return used.get() == null;
        });
    }

    private WeakReference<ClassLoader> used() throws Exception {
        ClassLoader loader = loader(false);
        try (AsyncMessageWriter<String> writer = on(loader, () -> Clients.textWriter(BROKER.open(), topic).build()
                .getAsyncWriter());
                AsyncMessageReader<String> reader = on(loader, () -> Clients.textReader(BROKER.open(), topic).build()
                        .getAsyncReader())) {
            reader.addOnMessageCallback(message -> call("message"));
            writer.writeAsync("x").get();
            seen(loader, 1, "message");
        }
        SEEN.clear();
        return new WeakReference<>(loader);
    }

    /** Defines a class again, as an application does that shares the library with others. */
    private static final class OwnCopy extends SecureClassLoader {
        OwnCopy() {
            super(ContextLoaderTest.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            return name.equals(Opening.class.getName()) ? findClass(name) : super.loadClass(name, resolve);
        }

        @Override
        protected Class<?> findClass(String name) throws ClassNotFoundException {
            try (InputStream in = getParent().getResourceAsStream(name.replace('.', '/') + ".class")) {
                byte[] code = in.readAllBytes();
                return defineClass(name, code, 0, code.length, new CodeSource(null, (Certificate[]) null));
            } catch (IOException e) {
                throw new ClassNotFoundException(name, e);
            }
        }
    }

    /** A class of an application, which is on the stack of the thread that opens a client. */
    public static final class Opening implements UnaryOperator<Object> {
        @Override
        public Object apply(Object open) {
            return ((Supplier<?>) open).get();
        }
    }

    /** A thread that all clients share does not refer to the application that first needed it. */
    @Test
    void anApplicationIsForgottenWhileClientsOfOthersAreOpen() throws Exception {
        Await.until("the end of the shared threads", () -> Thread.getAllStackTraces().keySet().stream()
                .noneMatch(thread -> thread.getName().startsWith("sinetstream-")));
        List<MessageIO> others = new ArrayList<>();
        try {
            WeakReference<ClassLoader> application = open(others);
            Await.until(LIMIT, "the application is garbage", () -> {
                System.gc();
                return application.get() == null;
            });
        } finally {
            others.forEach(MessageIO::close);
        }
    }

    private WeakReference<ClassLoader> open(List<MessageIO> others) throws Exception {
        ClassLoader loader = new OwnCopy();
        @SuppressWarnings("unchecked")
        UnaryOperator<Object> opening = (UnaryOperator<Object>) loader.loadClass(Opening.class.getName()).getConstructor()
                .newInstance();
        assertNotSame(Opening.class, opening.getClass());
        Supplier<MessageIO> open = () -> {
            AsyncMessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic).build().getAsyncWriter();
            writer.writeAsync("x").join();
            return writer;
        };
        try (MessageIO own = (MessageIO) opening.apply(open)) {
            others.add(Clients.textWriter(BROKER.open(), own.getTopic()).build().getWriter());
        }
        return new WeakReference<>(loader);
    }
}
