package jp.ad.sinet.stream.spi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;

import org.jdeferred2.Promise;
import org.jdeferred2.impl.DeferredObject;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

import jp.ad.sinet.stream.api.AsyncMessageReader;
import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.AuthorizationException;
import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.InvalidMessageException;
import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.api.UnsupportedServiceTypeException;
import jp.ad.sinet.stream.api.WriteOptions;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.engine.boundary.EngineAccess;
import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Background;
import jp.ad.sinet.stream.testing.LogCapture;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Services;
import jp.ad.sinet.stream.testing.Yaml;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;
import jp.ad.sinet.stream.utils.Timestamped;

/** A messaging system of a plugin: queues in this JVM. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class MessagingPluginTest {
    private static final Map<String, BlockingQueue<Timestamped<byte[]>>> QUEUES = new ConcurrentHashMap<>();
    private static final List<Object> CLOSED = new CopyOnWriteArrayList<>();

    @TempDir
    Path directory;

    @RegisterExtension
    final LogCapture log = new LogCapture();

    private final ClassLoader before = Thread.currentThread().getContextClassLoader();

    @BeforeEach
    void forget() {
        QUEUES.clear();
        CLOSED.clear();
    }

    @AfterEach
    void restore() {
        Thread.currentThread().setContextClassLoader(before);
        assertEquals(0, EngineAccess.liveHandles());
    }

    private void install(Class<?> kind, String... classes) throws IOException {
        Services.install(directory, kind, classes);
    }

    private void installBlocking() throws IOException {
        install(MessageWriterProvider.class, Memory.class.getName());
        install(MessageReaderProvider.class, Memory.class.getName());
    }

    private Path file(Object... more) throws IOException {
        Map<String, Object> service = new java.util.LinkedHashMap<>(Map.of("type", "memory", "topic", "any topic #",
                "value_type", "text", "consistency", "AT_LEAST_ONCE", "broker_password", "s3cr3t", "size", 5));
        for (int i = 0; i < more.length; i += 2) {
            service.put((String) more[i], more[i + 1]);
        }
        return Yaml.service(directory, 3, "svc", service);
    }

    private static MessageWriterFactory<String> writers(Path file) {
        return MessageWriterFactory.<String>builder().configFile(file).clientId("c-1").build();
    }

    private static MessageReaderFactory<String> readers(Path file) {
        return MessageReaderFactory.<String>builder().configFile(file).receiveTimeout(Duration.ofMillis(50)).build();
    }

    private static Object[] encrypted() {
        return new Object[] {"data_encryption", true, "data_compression", true, "crypto",
            Map.of("algorithm", "AES", "mode", "GCM", "password", "p")};
    }

    // ---- the plugin

    /** The blocking provider. Certain values make it fail. */
    public static class Memory implements MessageWriterProvider, MessageReaderProvider {
        @Override
        public String getType() {
            return "memory";
        }

        @Override
        public boolean isProvider(Map<String, ?> parameters) {
            return !parameters.containsKey("not_here");
        }

        @Override
        public PluginMessageWriter getWriter(WriterParameters parameters) {
            assertEquals("s3cr3t", parameters.getConfig().get("broker_password"));
            assertEquals(5, parameters.getConfig().get("size"));
            assertEquals("svc", parameters.getService());
            assertEquals("c-1", parameters.getClientId());
            assertSame(SimpleValueType.TEXT, parameters.getValueType());
            if (parameters.getConfig().containsKey("null_please")) {
                return null;
            }
            return new Writer(parameters);
        }

        @Override
        public PluginMessageReader getReader(ReaderParameters parameters) {
            if (parameters.getConfig().containsKey("throw_please")) {
                throw new IllegalStateException("as you please");
            }
            return new Reader(parameters);
        }
    }

    private abstract static class Both implements PluginMessageIO {
        private final SinetStreamParameters parameters;

        Both(SinetStreamParameters parameters) {
            this.parameters = parameters;
        }

        @Override
        public void close() {
            CLOSED.add(this);
        }

        @Override
        public Map<String, Object> getConfig() {
            return parameters.getConfig();
        }

        @Override
        public Consistency getConsistency() {
            return parameters.getConsistency();
        }

        @Override
        public String getClientId() {
            return "client of memory";
        }

        @Override
        public Object getMetrics() {
            return "metrics of memory";
        }

        @Override
        public Object getInfo(List<String> ipath) {
            return ipath;
        }
    }

    private static BlockingQueue<Timestamped<byte[]>> queue(String topic) {
        return QUEUES.computeIfAbsent(topic, name -> new LinkedBlockingQueue<>());
    }

    /** The blocking writer. */
    static class Writer extends Both implements PluginMessageWriter {
        private final String topic;
        private int failures;

        Writer(WriterParameters parameters) {
            super(parameters);
            topic = parameters.getTopic();
            failures = parameters.getConfig().containsKey("fail_once") ? 1 : 0;
        }

        @Override
        public void write(Timestamped<byte[]> message) {
            if (failures-- > 0) {
                throw new IllegalArgumentException("no room in memory");
            }
            queue(topic).add(message);
        }

        @Override
        public boolean isThreadSafe() {
            if (getConfig().containsKey("undecided")) {
                throw new IllegalStateException("who knows");
            }
            return false;
        }

        @Override
        public String getTopic() {
            return topic;
        }
    }

    /** The blocking reader. */
    static class Reader extends Both implements PluginMessageReader {
        private final ReaderParameters parameters;

        Reader(ReaderParameters parameters) {
            super(parameters);
            this.parameters = parameters;
        }

        @Override
        public PluginMessageWrapper read() {
            Timestamped<byte[]> message;
            try {
                message = queue(parameters.getTopics().get(0)).poll(getReceiveTimeout().toMillis(), TimeUnit.MILLISECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return null;
            }
            return message == null ? null : wrapper(message, parameters.getTopics().get(0));
        }

        @Override
        public List<String> getTopics() {
            return parameters.getTopics();
        }

        @Override
        public Duration getReceiveTimeout() {
            return parameters.getReceiveTimeout();
        }
    }

    private static PluginMessageWrapper wrapper(Timestamped<byte[]> message, String topic) {
        return new PluginMessageWrapper() {
            @Override
            public Timestamped<byte[]> getValue() {
                return message;
            }

            @Override
            public String getTopic() {
                return topic;
            }

            @Override
            public Object getRaw() {
                return "raw";
            }
        };
    }

    /** The asynchronous provider: messages are delivered at once. */
    public static class Direct implements AsyncMessageWriterProvider, AsyncMessageReaderProvider {
        private static final List<Consumer<PluginMessageWrapper>> LISTENERS = new CopyOnWriteArrayList<>();

        @Override
        public String getType() {
            return "memory";
        }

        @Override
        public PluginAsyncMessageWriter getAsyncWriter(WriterParameters parameters) {
            class DirectWriter extends Both implements PluginAsyncMessageWriter {
                DirectWriter() {
                    super(parameters);
                }

                @Override
                public Promise<?, ? extends Throwable, ?> write(Timestamped<byte[]> message) {
                    DeferredObject<Void, Throwable, Void> deferred = new DeferredObject<>();
                    if (LISTENERS.isEmpty()) {
                        return deferred.reject(new IllegalStateException("nobody listens")).promise();
                    }
                    LISTENERS.forEach(each -> each.accept(wrapper(message, parameters.getTopic())));
                    return deferred.resolve(null).promise();
                }

                @Override
                public String getTopic() {
                    return parameters.getTopic();
                }
            }
            return new DirectWriter();
        }

        @Override
        public PluginAsyncMessageReader getAsyncReader(ReaderParameters parameters) {
            class DirectReader extends Both implements PluginAsyncMessageReader {
                DirectReader() {
                    super(parameters);
                }

                @Override
                public void addOnMessageCallback(Consumer<PluginMessageWrapper> onMessage, Consumer<Throwable> onFailure) {
                    LISTENERS.add(onMessage);
                }

                @Override
                public void removeOnMessageCallback(Consumer<PluginMessageWrapper> onMessage,
                        Consumer<Throwable> onFailure) {
                    LISTENERS.remove(onMessage);
                }

                @Override
                public void clearOnMessageCallback() {
                    LISTENERS.clear();
                }

                @Override
                public List<String> getTopics() {
                    return parameters.getTopics();
                }

                @Override
                public void close() {
                    LISTENERS.clear();
                    super.close();
                }
            }
            return new DirectReader();
        }
    }

    // ---- tests

    @Test
    void thePipelineWorksForIt() throws IOException {
        installBlocking();
        Path file = file(encrypted());
        MessageWriterFactory<String> writers = writers(file);
        try (MessageWriter<String> writer = writers.getWriter(); MessageReader<String> reader = readers(file).getReader()) {
            String value = "compressible ".repeat(100);
            writer.write(value, 17);
            Timestamped<byte[]> sent = queue("any topic #").peek();
            assertEquals(17, sent.getTstamp());
            assertEquals((byte) 0xDF, sent.getValue()[0]);
            assertTrue(sent.getValue().length < 200, () -> "" + sent.getValue().length);
            Message<String> message = reader.read();
            assertEquals(value, message.getValue());
            assertEquals(17, message.getTimestampMicroseconds());
            assertEquals("any topic #", message.getTopic());
            assertEquals("raw", message.getRaw());
            assertNull(reader.read());
            assertEquals(1, writer.getMetrics().getMsgCountTotal());
            assertEquals(value.length(), writer.getMetrics().getMsgUncompressedBytesTotal());
            assertEquals(sent.getValue().length, reader.getMetrics().getMsgBytesTotal());
            assertEquals("metrics of memory", writer.getMetrics().getRaw());
            assertEquals("client of memory", writer.getClientId());
            assertEquals(List.of("a", "b"), writer.getInfo("a.b"));
            assertSame(Consistency.AT_LEAST_ONCE, reader.getConsistency());
            assertEquals(Duration.ofMillis(50), reader.getReceiveTimeout());
            assertTrue(writer.isDataEncryption());
            assertFalse((writer + " " + writer.getConfig()).contains("s3cr3t"), "a secret is shown");
            assertEquals(sent.getValue(), writer.getDebugLastMsgBytes());
            reader.debugInjectMsgBytes(sent.getValue(), "injected", null);
            assertEquals("injected", reader.read().getTopic());
        }
        MessageWriter<String> closed = writers.getWriter();
        closed.close();
        assertThrows(SinetStreamIOException.class, () -> closed.write("late"));
        assertEquals(1, closed.getMetrics().getErrorCountTotal());
        assertEquals("memory", writers.getType());
        assertEquals(3, CLOSED.size());
        assertEquals(List.of(), log.warnings());
    }

    @Test
    void itTakesNoOptionsOfOneMessageAndSaysSo() throws IOException {
        installBlocking();
        Path file = file();
        WriteOptions options = WriteOptions.builder().topic("other").build();
        try (MessageWriter<String> writer = writers(file).getWriter();
                AsyncMessageWriter<String> asynchronous = writers(file).getAsyncWriter()) {
            for (Executable write : List.<Executable>of(() -> writer.write("x", options), () -> writer.write("x", 1, options),
                    () -> asynchronous.write("x", options), () -> asynchronous.writeAsync("x", 1, options))) {
                String message = assertThrows(UnsupportedOperationException.class, write).getMessage();
                assertTrue(message.contains("'memory'") && message.contains("no options of one message"), message);
            }
        }
        assertTrue(queue("any topic #").isEmpty());
    }

    @Test
    void aMessageIsBoundToTheTopicThatTheMessagingSystemNames() throws IOException {
        installBlocking();
        Path file = file("data_encryption", true, "crypto",
                Map.of("algorithm", "AES", "mode", "GCM", "password", "p", "bind_topic", true));
        try (MessageWriter<String> writer = writers(file).getWriter(); MessageReader<String> reader = readers(file).getReader()) {
            writer.write("bound");
            byte[] captured = queue("any topic #").peek().getValue();
            assertEquals("bound", reader.read().getValue());
            reader.debugInjectMsgBytes(captured, "another topic", null);
            InvalidMessageException e = assertThrows(InvalidMessageException.class, reader::read);
            assertTrue(e.getMessage().contains("written for another topic"), e::getMessage);
        }
    }

    @Test
    void theTimeOfTheMessagingSystemCountsWhereAMessageHasNone() throws IOException {
        installBlocking();
        Path file = file("user_data_only", true);
        try (MessageWriter<String> writer = writers(file).getWriter(); MessageReader<String> reader = readers(file).getReader()) {
            writer.write("alone", 42);
            Message<String> message = reader.read();
            assertEquals("alone", message.getValue());
            assertEquals(42, message.getTimestampMicroseconds());
        }
    }

    @Test
    void whatIsDamagedIsAnInvalidMessage() throws IOException {
        installBlocking();
        Path file = file();
        try (MessageReader<String> reader = readers(file).getReader(); MessageWriter<String> writer = writers(file).getWriter()) {
            queue("any topic #").add(new Timestamped<>(new byte[] {1, 2, 3}));
            assertThrows(InvalidMessageException.class, reader::read);
            writer.write("next");
            assertEquals("next", reader.read().getValue());
            assertEquals(1, reader.getMetrics().getErrorCountTotal());
        }
    }

    @Test
    void aBlockingPluginServesAsynchronousClients() throws Exception {
        installBlocking();
        Path file = file();
        BlockingQueue<Object> heard = new LinkedBlockingQueue<>();
        try (AsyncMessageReader<String> reader = readers(file).getAsyncReader();
                AsyncMessageWriter<String> writer = writers(file).getAsyncWriter()) {
            reader.addOnMessageCallback(message -> heard.add(message.getValue()), heard::add);
            for (int i = 0; i < 100; i++) {
                writer.write("m" + i);
            }
            writer.writeAsync("last").get(10, TimeUnit.SECONDS);
            for (int i = 0; i < 100; i++) {
                assertEquals("m" + i, heard.poll(10, TimeUnit.SECONDS));
            }
            assertEquals("last", heard.poll(10, TimeUnit.SECONDS));
            queue("any topic #").add(new Timestamped<>(new byte[] {1}));
            assertSame(InvalidMessageException.class, heard.poll(10, TimeUnit.SECONDS).getClass());
            assertEquals(101, writer.getMetrics().getMsgCountTotal());
        }
        assertEquals(2, CLOSED.size());
    }

    @Test
    void closeWaitsForACallbackThatRuns() throws Exception {
        installBlocking();
        Path file = file();
        CountDownLatch running = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        AtomicBoolean returned = new AtomicBoolean();
        AsyncMessageReader<String> reader = readers(file).getAsyncReader();
        reader.addOnMessageCallback(message -> {
            running.countDown();
            try {
                go.await();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
            returned.set(true);
        });
        try (MessageWriter<String> writer = writers(file).getWriter()) {
            writer.write("x");
        }
        running.await();
        Background<Boolean> closing = Background.call(() -> {
            reader.close();
            return returned.get();
        });
        Await.until("it waits, or is closed", () -> closing.isDone()
                || closing.thread().getState() == Thread.State.TIMED_WAITING && CLOSED.size() == 2);
        go.countDown();
        assertTrue(closing.get(Duration.ofSeconds(20)), "the callback has returned before");
    }

    @Test
    void aMessageThatIsUnderWayWhenTheCallbacksAreTakenAwayIsNotLost() throws Exception {
        installBlocking();
        Path file = file();
        BlockingQueue<Object> heard = new LinkedBlockingQueue<>();
        AtomicReference<AsyncMessageReader<String>> itself = new AtomicReference<>();
        try (AsyncMessageReader<String> reader = MessageReaderFactory.<String>builder().configFile(file).deserializer(bytes -> {
            itself.get().clearOnMessageCallback();
            return new String(bytes);
        }).build().getAsyncReader(); MessageWriter<String> writer = writers(file).getWriter()) {
            itself.set(reader);
            for (String value : List.of("1", "2", "3")) {
                writer.write(value);
            }
            for (String value : List.of("1", "2", "3")) {
                reader.addOnMessageCallback(message -> heard.add(message.getValue()));
                assertEquals(value, heard.poll(10, TimeUnit.SECONDS));
            }
        }
    }

    @Test
    void onAnExecutorThePluginsMessagesKeepTheirOrderAndWaitWhileNobodyListens() throws Exception {
        installBlocking();
        Path file = file();
        BlockingQueue<Object> heard = new LinkedBlockingQueue<>();
        ExecutorService pool = Executors.newFixedThreadPool(4, task -> new Thread(task, "pool"));
        AsyncMessageReader<String> reader = MessageReaderFactory.<String>builder().configFile(file).executor(pool)
                .receiveTimeout(Duration.ofMillis(50)).build().getAsyncReader();
        try (AsyncMessageWriter<String> writer = MessageWriterFactory.<String>builder().configFile(file).clientId("c-1").executor(pool)
                .build().getAsyncWriter()) {
            BlockingQueue<String> threads = new LinkedBlockingQueue<>();
            Consumer<Message<String>> callback = message -> {
                threads.add(Thread.currentThread().getName());
                heard.add(message.getValue());
            };
            reader.addOnMessageCallback(callback, heard::add);
            // A callback of a settled promise runs at once, so none may run before all messages have theirs.
            CountDownLatch written = new CountDownLatch(1);
            for (int i = 0; i < 4; i++) {
                pool.submit(() -> written.await(10, TimeUnit.SECONDS));
            }
            for (int i = 0; i < 300; i++) {
                writer.write("m" + i).done(nothing -> threads.add(Thread.currentThread().getName()));
            }
            written.countDown();
            for (int i = 0; i < 300; i++) {
                assertEquals("m" + i, heard.poll(10, TimeUnit.SECONDS));
            }
            reader.clearOnMessageCallback();
            for (int i = 0; i < 20; i++) {
                writer.writeAsync("n" + i).get(10, TimeUnit.SECONDS);
            }
            assertTrue(heard.isEmpty());
            CountDownLatch closed = new CountDownLatch(1);
            reader.addOnMessageCallback(message -> {
                heard.add(message.getValue());
                if (message.getValue().equals("n19")) {
                    reader.close();
                    closed.countDown();
                }
            });
            for (int i = 0; i < 20; i++) {
                assertEquals("n" + i, heard.poll(10, TimeUnit.SECONDS));
            }
            assertTrue(closed.await(5, TimeUnit.SECONDS), "a callback may close its reader");
            assertTrue(threads.stream().allMatch("pool"::equals), threads::toString);
        } finally {
            reader.close();
            pool.shutdown();
        }
    }

    @Test
    void aWriterThatCanNotBeUsedIsClosed() throws IOException {
        installBlocking();
        Path file = file("undecided", true);
        SinetStreamIOException e = assertThrows(SinetStreamIOException.class, () -> writers(file).getWriter());
        assertTrue(e.getMessage().contains("the plugin for type 'memory'") && e.getMessage().contains("who knows"),
                e::getMessage);
        assertEquals(1, CLOSED.size());
    }

    @Test
    void aPluginThatIsDoneAtOnceMayBeWrittenToOnTheExecutorsOnlyThread() throws Exception {
        install(AsyncMessageWriterProvider.class, Direct.class.getName());
        install(AsyncMessageReaderProvider.class, Direct.class.getName());
        Path file = file();
        BlockingQueue<Object> heard = new LinkedBlockingQueue<>();
        ExecutorService single = Executors.newSingleThreadExecutor();
        try (AsyncMessageReader<String> reader = MessageReaderFactory.<String>builder().configFile(file).executor(single)
                .build().getAsyncReader();
                AsyncMessageWriter<String> writer = MessageWriterFactory.<String>builder().configFile(file).clientId("c-1").executor(single)
                        .build().getAsyncWriter()) {
            reader.addOnMessageCallback(message -> heard.add(message.getValue()), heard::add);
            single.submit(() -> {
                for (int i = 0; i < 10; i++) {
                    writer.write("m" + i).done(nothing -> heard.add("done"));
                }
            }).get(10, TimeUnit.SECONDS);
            int values = 0;
            for (int i = 0; i < 20; i++) {
                Object next = heard.poll(10, TimeUnit.SECONDS);
                values += next.equals("m" + values) ? 1 : 0;
            }
            assertEquals(10, values);
        } finally {
            single.shutdown();
        }
    }

    /** More messages than the limit, so that some threads wait for room while the callbacks of others write. */
    @Test
    void callbacksMayWriteWhileThreadsWaitForRoom() throws Exception {
        installBlocking();
        int each = 15_000;
        CountDownLatch told = new CountDownLatch(4 * each);
        try (AsyncMessageWriter<String> writer = writers(file()).getAsyncWriter()) {
            List<Background<Void>> producers = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                producers.add(Background.run(() -> {
                    for (int k = 0; k < each; k++) {
                        writer.write("m").done(nothing -> {
                            told.countDown();
                            writer.write("again").done(again -> told.countDown());
                        });
                    }
                }));
            }
            assertTrue(told.await(60, TimeUnit.SECONDS), () -> told + " are missing");
            producers.forEach(producer -> producer.get(Duration.ofSeconds(10)));
        }
    }

    @Test
    void anAsynchronousPlugin() throws Exception {
        install(AsyncMessageWriterProvider.class, Direct.class.getName());
        install(AsyncMessageReaderProvider.class, Direct.class.getName());
        Path file = file(encrypted());
        List<Object> heard = new CopyOnWriteArrayList<>();
        try (AsyncMessageReader<String> reader = readers(file).getAsyncReader();
                AsyncMessageWriter<String> writer = writers(file).getAsyncWriter()) {
            Throwable failure = assertThrows(ExecutionException.class,
                    () -> writer.writeAsync("unheard").get(10, TimeUnit.SECONDS)).getCause();
            assertTrue(failure instanceof SinetStreamIOException && failure.getMessage().contains("nobody listens"),
                    failure::toString);
            reader.addOnMessageCallback(message -> heard.add(message.getValue()));
            reader.addOnMessageCallback(message -> heard.add(message.getTopic()));
            writer.writeAsync("heard").get(10, TimeUnit.SECONDS);
            Await.until("both callbacks", () -> heard.size() == 2);
            assertEquals(List.of("heard", "any topic #"), heard);
            assertEquals(1, reader.getMetrics().getMsgCountTotal());
            assertEquals(1, writer.getMetrics().getMsgCountTotal());
            assertEquals(1, writer.getMetrics().getErrorCountTotal());
        }
        SinetStreamException e = assertThrows(UnsupportedServiceTypeException.class, () -> writers(file).getWriter().close());
        assertTrue(e.getMessage().contains("no blocking writer"), e::getMessage);
    }

    @Test
    void aPluginThatFailsIsNamed() throws IOException {
        installBlocking();
        Path failing = file("fail_once", true);
        try (MessageWriter<String> writer = writers(failing).getWriter()) {
            SinetStreamException e = assertThrows(SinetStreamIOException.class, () -> writer.write("x"));
            told(e, "'memory'", Writer.class.getName(), "no room in memory");
            assertSame(IllegalArgumentException.class, e.getCause().getClass());
            writer.write("y");
            assertEquals(1, writer.getMetrics().getMsgCountTotal());
            assertEquals(1, writer.getMetrics().getErrorCountTotal());
        }
        Path nothing = file("null_please", true);
        told(assertThrows(SinetStreamIOException.class, () -> writers(nothing).getWriter().close()),
                Memory.class.getName(), "returned null");
        Path throwing = file("throw_please", true);
        told(assertThrows(SinetStreamIOException.class, () -> readers(throwing).getReader().close()),
                Memory.class.getName(), "as you please");
        Path refusing = file("not_here", true);
        told(assertThrows(UnsupportedServiceTypeException.class, () -> readers(refusing).getReader().close()),
                "'memory'", "for these parameters");
        Path unknown = file("type", "memry");
        told(assertThrows(UnsupportedServiceTypeException.class, () -> readers(unknown).getReader().close()),
                "'memry'", "'memory'", "'mqtt'");
    }

    @Test
    void streams() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (MessageWriter<String> writer = MessageWriterFactory.<String>builder().noConfig(true).type("iostream")
                .valueType(SimpleValueType.TEXT).parameter("iostream", Map.of("output_stream", out))
                .parameter("data_compression", true).build().getWriter()) {
            writer.write("one message", 7);
            assertNull(writer.getTopic());
        }
        for (Map<String, Object> in : List.<Map<String, Object>>of(Map.of("input_byte_array", out.toByteArray()),
                Map.of("input_stream", new ByteArrayInputStream(out.toByteArray())))) {
            try (MessageReader<String> reader = MessageReaderFactory.<String>builder().noConfig(true).type("iostream")
                    .valueType(SimpleValueType.TEXT).parameter("iostream", in).parameter("data_compression", true)
                    .build().getReader()) {
                Message<String> message = reader.read();
                assertEquals("one message", message.getValue());
                assertEquals(7, message.getTimestampMicroseconds());
                assertNull(reader.read());
            }
        }
        told(assertThrows(InvalidConfigurationException.class, () -> MessageWriterFactory.<String>builder().noConfig(true)
                .type("iostream").build().getWriter().close()), "'iostream.output_stream'", "missing");
        // For MQTT such an object is always a mistake, which is reported before all others.
        told(assertThrows(InvalidConfigurationException.class, () -> MessageWriterFactory.<String>builder().noConfig(true)
                .type("mqtt").parameter("topic", "t").parameter("own", out).build().getWriter().close()), "own",
                "ByteArrayOutputStream");
    }

    @Test
    void itsOwnExceptionsOfThisLibraryPass() throws IOException {
        install(MessageWriterProvider.class, Refusing.class.getName());
        Path file = file();
        assertThrows(AuthorizationException.class, () -> writers(file).getWriter().close());
    }

    /** A plugin that refuses every client. */
    public static class Refusing implements MessageWriterProvider {
        @Override
        public String getType() {
            return "memory";
        }

        @Override
        public PluginMessageWriter getWriter(WriterParameters parameters) {
            throw new AuthorizationException("not you");
        }
    }

    private static void told(SinetStreamException e, String... parts) {
        for (String part : parts) {
            assertTrue(e.getMessage().contains(part), () -> part + " in " + e.getMessage());
        }
    }
}
