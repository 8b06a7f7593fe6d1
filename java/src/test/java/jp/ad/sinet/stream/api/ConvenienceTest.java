package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.SubmissionPublisher;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Collectors;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.ScriptedBroker;
import jp.ad.sinet.stream.testing.Yaml;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** Tests of client names, times, batches and limits. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class ConvenienceTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    @TempDir
    Path directory;

    private final String topic = Clients.topic();

    @Test
    void anEventSaysOfWhichClientItIs() throws IOException {
        Path file = Yaml.service(directory, 3, "svc", Map.of("type", "mqtt", "brokers", BROKER.open(), "topic", topic));
        BlockingQueue<ConnectionEvent> events = new LinkedBlockingQueue<>();
        try (MessageWriter<byte[]> writer = MessageWriterFactory.<byte[]>builder().configFile(file).clientId("one")
                .connectionListener(events::add).build().getWriter();
                AsyncMessageReader<String> reader = Clients.textReader(BROKER.open(), topic).connectionListener(events::add).build()
                        .getAsyncReader()) {
            writer.ping(Clients.RECEIVE_LIMIT);
            reader.ping(Clients.RECEIVE_LIMIT);
            List<String> told = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                ConnectionEvent event = poll(events);
                told.add(event.getRole() + " " + event.getService() + " " + event.getClientId());
                assertTrue(event.toString().contains(", client " + event.getClientId()), event::toString);
            }
            assertEquals(List.of("reader null " + reader.getClientId(), "writer svc one"), told.stream().sorted()
                    .collect(Collectors.toList()));
        }
        assertNull(ConnectionEvent.closed().getClientId());
    }

    private static <V> V poll(BlockingQueue<V> queue) {
        try {
            V next = queue.poll(Clients.RECEIVE_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
            assertTrue(next != null, "nothing comes");
            return next;
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void anAsynchronousWriteHasATimeOfItsOwnAndAFlush() {
        try (MessageReader<String> reader = Clients.textReader(BROKER.open(), topic).build().getReader();
                AsyncMessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic)
                        .consistency(Consistency.AT_LEAST_ONCE).build().getAsyncWriter()) {
            writer.write("a", 5);
            CompletableFuture<Void> second = writer.writeAsync("b", 0);
            for (int i = 0; i < 1000; i++) {
                writer.write("x");
            }
            writer.flush();
            assertEquals(1002, writer.getMetrics().getMsgCountTotal());
            second.join();
            assertEquals(List.of(5L, 0L), List.of(reader.read().getTimestampMicroseconds(), reader.read().getTimestampMicroseconds()));
            assertTrue(reader.read().getTimestampMicroseconds() > 1_000_000_000L);
        }
    }

    @Test
    void theAsynchronousWriterOfAPluginTheSame() {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (AsyncMessageWriter<String> writer = MessageWriterFactory.<String>builder().noConfig(true).type("iostream")
                .valueType(SimpleValueType.TEXT).parameter("user_data_only", true)
                .parameter("iostream", Map.of("output_stream", out)).build().getAsyncWriter()) {
            for (int i = 0; i < 100; i++) {
                writer.write("x", i);
            }
            writer.flush();
            assertEquals("x".repeat(100), out.toString());
            writer.flush();
        }
    }

    @Test
    void aFlushThatTakesTooLongSaysSo() {
        try (ScriptedBroker broker = ScriptedBroker.neverAcknowledging();
                AsyncMessageWriter<String> writer = Clients.textWriter(broker.address(), topic).consistency(Consistency.AT_LEAST_ONCE)
                        .parameter("write_timeout_ms", 100).parameter("close_timeout_ms", 50).build().getAsyncWriter()) {
            writer.flush(); // no message is pending
            writer.write("x");
            assertTrue(assertThrows(SinetStreamIOException.class, writer::flush).getMessage().contains("still pending"));
        } catch (SinetStreamIOException e) {
            assertTrue(e.getMessage().contains("could not be delivered"), e::getMessage);
        }
    }

    @Test
    void aCloseWithinATimeOfOnesOwn() {
        try (ScriptedBroker broker = ScriptedBroker.neverAcknowledging()) {
            // The configured time is longer than the test may take.
            AsyncMessageWriter<String> writer = Clients.textWriter(broker.address(), topic).consistency(Consistency.AT_LEAST_ONCE)
                    .parameter("close_timeout_ms", 3_600_000).parameter("write_timeout_ms", 3_600_000).build().getAsyncWriter();
            CompletableFuture<Void> written = writer.writeAsync("x");
            assertTrue(assertThrows(SinetStreamIOException.class, () -> writer.closeWithin(Duration.ofMillis(50))).getMessage()
                    .contains("1 messages could not be delivered"));
            assertTrue(written.isCompletedExceptionally());
            MessageWriter<String> idle = Clients.textWriter(broker.address(), topic).build().getWriter();
            idle.closeWithin(Duration.ZERO);
            idle.closeWithin(Duration.ofDays(1_000_000_000_000L)); // a second close does nothing
        }
    }

    @Test
    void severalMessagesAtATime() {
        try (MessageReader<String> reader = Clients.textReader(BROKER.open(), topic).consistency(Consistency.AT_LEAST_ONCE).build()
                .getReader();
                MessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic).consistency(Consistency.AT_LEAST_ONCE)
                        .build().getWriter();
                MessageWriter<String> damaging = Clients.textWriter(BROKER.open(), topic).consistency(Consistency.AT_LEAST_ONCE)
                        .userDataOnly(true).build().getWriter()) {
            assertEquals(List.of(), reader.readMany(10, Duration.ZERO));
            for (String value : List.of("a", "b", "c", "damaged", "d", "e")) {
                (value.equals("damaged") ? damaging : writer).write(value);
            }
            Await.until("all are here", () -> reader.getInfo("connection.inbox_messages").equals(6L));
            assertEquals(List.of("a", "b"), values(reader.readMany(2, Clients.RECEIVE_LIMIT)));
            assertEquals(List.of("c"), values(reader.readMany(100, Clients.RECEIVE_LIMIT)));
            assertThrows(InvalidMessageException.class, () -> reader.readMany(100, Clients.RECEIVE_LIMIT));
            assertEquals(List.of("d", "e"), values(reader.readMany(100, Clients.RECEIVE_LIMIT)));
            assertThrows(IllegalArgumentException.class, () -> reader.readMany(0, Duration.ZERO));
            reader.debugInjectMsgBytes(Clients.wire(new byte[] {'i'}), topic, null);
            assertEquals(List.of("i"), values(reader.readMany(100, Clients.RECEIVE_LIMIT)));
        }
    }

    private static List<String> values(List<Message<String>> messages) {
        return messages.stream().map(Message::getValue).collect(Collectors.toList());
    }

    /** This is the example of docs/asynchronous.md. */
    @Test
    void aPublisherOfTheJdk() {
        BlockingQueue<String> values = new LinkedBlockingQueue<>();
        try (SubmissionPublisher<Message<String>> publisher = new SubmissionPublisher<>(Runnable::run, 1);
                AsyncMessageReader<String> reader = Clients.textReader(BROKER.open(), topic).build().getAsyncReader();
                MessageWriter<String> writer = Clients.textWriter(BROKER.open(), topic).build().getWriter()) {
            publisher.subscribe(new Flow.Subscriber<>() {
                private Flow.Subscription subscription;

                @Override
                public void onSubscribe(Flow.Subscription of) {
                    subscription = of;
                    of.request(1);
                }

                @Override
                public void onNext(Message<String> message) {
                    values.add(message.getValue());
                    subscription.request(1);
                }

                @Override
                public void onError(Throwable failure) {
                    values.add(failure.toString());
                }

                @Override
                public void onComplete() {
                    values.add("complete");
                }
            });
            reader.addOnMessageCallback(publisher::submit);
            for (int i = 0; i < 10; i++) {
                writer.write("x" + i);
            }
            for (int i = 0; i < 10; i++) {
                assertEquals("x" + i, poll(values));
            }
        }
    }

    // ---- the configuration from elsewhere

    private String yaml(String more) {
        return "header:\n  version: 3\nconfig:\n  svc:\n    type: mqtt\n    brokers: " + BROKER.open() + "\n    topic: " + topic
                + "\n    value_type: text\n" + more;
    }

    @Test
    void theConfigurationIsATextOrAStream() {
        try (MessageReader<String> reader = MessageReaderFactory.<String>builder().configText(yaml("")).build().getReader();
                MessageWriter<String> writer = MessageWriterFactory.<String>builder()
                        .configStream(new ByteArrayInputStream(yaml("").getBytes(StandardCharsets.UTF_8)))
                        .build().getWriter()) {
            writer.write("x");
            assertEquals("x", reader.read().getValue());
            assertEquals("svc", writer.getService());
        }
        String message = assertThrows(InvalidConfigurationException.class, () -> MessageWriterFactory.builder()
                .configText(yaml("    qos: 7\n")).build().getWriter()).getMessage();
        assertTrue(message.startsWith("configuration text:9: service 'svc': parameter 'qos'"), message);
        message = assertThrows(InvalidConfigurationException.class, () -> MessageWriterFactory.builder().configText(yaml(""))
                .noConfig(true).build().getWriter()).getMessage();
        assertTrue(message.contains("'no_config' names another one"), message);
        message = assertThrows(InvalidConfigurationException.class, () -> MessageWriterFactory.builder().configText(yaml(""))
                .configFile(directory).build().getWriter()).getMessage();
        assertTrue(message.contains("'config_file' names another one"), message);
        assertThrows(InvalidConfigurationException.class, () -> MessageWriterFactory.builder()
                .configStream(new ByteArrayInputStream(new byte[] {(byte) 0xFF})));
    }

    @Test
    void theConfigurationIsOnTheClassPath() throws Exception {
        Files.writeString(directory.resolve("own.yml"), yaml(""));
        ClassLoader before = Thread.currentThread().getContextClassLoader();
        try (URLClassLoader loader = new URLClassLoader(new URL[] {directory.toUri().toURL()}, before)) {
            Thread.currentThread().setContextClassLoader(loader);
            MessageWriterFactory.<String>builder().configResource("own.yml").build().getWriter().close();
            assertTrue(assertThrows(NoConfigException.class, () -> MessageWriterFactory.builder().configResource("other.yml"))
                    .getMessage().contains("class path resource other.yml"));
        } finally {
            Thread.currentThread().setContextClassLoader(before);
        }
    }

    // ---- the class of the values

    @Test
    void aValueTypeForAnotherClassIsRefused() {
        String bytes = yaml("").replace("value_type: text", "value_type: byte_array");
        for (Supplier<?> open : List.<Supplier<?>>of(
                () -> MessageReaderFactory.<String>builder().configText(bytes).valueClass(String.class).build().getReader(),
                () -> MessageReaderFactory.<String>builder().configText(bytes).valueClass(String.class).build().getAsyncReader(),
                () -> MessageWriterFactory.<String>builder().configText(bytes).valueClass(String.class).build().getWriter(),
                () -> MessageWriterFactory.<String>builder().configText(bytes).valueClass(String.class).build().getAsyncWriter())) {
            String message = assertThrows(InvalidConfigurationException.class, open::get).getMessage();
            assertTrue(message.contains("value_type: byte_array") && message.contains("byte[]") && message.contains("java.lang.String"),
                    message);
        }
        MessageReaderFactory.<String>builder().configText(yaml("")).valueClass(CharSequence.class).build().getReader().close();
    }

    @Test
    void aValueOfAnotherClassIsExplained() {
        try (MessageWriter<Object> writer = MessageWriterFactory.<Object>builder().configText(yaml("")).build().getWriter();
                AsyncMessageWriter<Object> asynchronous = MessageWriterFactory.<Object>builder().configText(yaml("")).build()
                        .getAsyncWriter()) {
            for (Executable write : List.<Executable>of(
                    () -> writer.write(new byte[0]), () -> asynchronous.write(new byte[0]))) {
                String message = assertThrows(ClassCastException.class, write).getMessage();
                assertTrue(message.contains("the value is of class byte[]") && message.contains("value_type")
                        && message.endsWith("takes java.lang.String"), message);
            }
        }
    }

    /** A class with overloaded methods, which the JVM returns in any order. */
    public static class Overloaded implements Serializer<String>, Deserializer<String> {
        public byte[] serialize(Integer other) {
            return null;
        }

        @Override
        public byte[] serialize(String value) {
            return value.getBytes(StandardCharsets.UTF_8);
        }

        public byte[] serialize(Long other) {
            return null;
        }

        public Integer deserialize(Integer other) {
            return other;
        }

        @Override
        public String deserialize(byte[] bytes) {
            return new String(bytes, StandardCharsets.UTF_8);
        }

        public Long deserialize(Long other) {
            return other;
        }
    }

    /** A class with two type parameters, of which the serializer uses the second. */
    public abstract static class Paired<A, B> implements Serializer<B> {
        @Override
        public byte[] serialize(B value) {
            return value.toString().getBytes(StandardCharsets.UTF_8);
        }
    }

    public static class Inheriting extends Paired<Integer, String> {
    }

    private static void open(Class<?> codec, Class<?> valueClass, String broker) {
        MessageWriterFactory.<Object>builder().noConfig(true).type("mqtt").topic("t").parameter("brokers", broker)
                .parameter("value_serializer", codec.getName()).valueClass(valueClass).build().getWriter().close();
        if (Deserializer.class.isAssignableFrom(codec)) {
            MessageReaderFactory.<Object>builder().noConfig(true).type("mqtt").topic("t").parameter("brokers", broker)
                    .parameter("value_deserializer", codec.getName()).valueClass(valueClass).build().getReader().close();
        }
    }

    @Test
    void theClassOfAValueIsThatOfTheInterface() throws IOException {
        for (Class<?> codec : List.of(Overloaded.class, Inheriting.class)) {
            open(codec, String.class, BROKER.open());
            for (Class<?> other : List.of(Integer.class, Long.class, Object.class)) {
                String message = assertThrows(InvalidConfigurationException.class, () -> open(codec, other, BROKER.open())).getMessage();
                assertTrue(message.contains("takes values of class java.lang.String"), message);
            }
        }
    }

    /** A class that is missing at run time. */
    public static class Gone {
    }

    public static class NamesMissing implements Serializer<String> {
        @Override
        public byte[] serialize(String value) {
            return new byte[0];
        }

        public void other(Gone gone) {
        }
    }

    public static class OfMissing implements Serializer<Gone> {
        @Override
        public byte[] serialize(Gone value) {
            return new byte[0];
        }
    }

    private static ClassLoader withoutGone() {
        ClassLoader parent = ConvenienceTest.class.getClassLoader();
        List<String> own = List.of(NamesMissing.class.getName(), OfMissing.class.getName());
        return new ClassLoader(parent) {
            @Override
            protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
                if (name.equals(Gone.class.getName())) {
                    throw new ClassNotFoundException(name);
                }
                return own.contains(name) ? defined(name) : super.loadClass(name, resolve);
            }

            private Class<?> defined(String name) throws ClassNotFoundException {
                synchronized (getClassLoadingLock(name)) {
                    Class<?> loaded = findLoadedClass(name);
                    if (loaded != null) {
                        return loaded;
                    }
                    try (InputStream in = parent.getResourceAsStream(name.replace('.', '/') + ".class")) {
                        byte[] bytes = in.readAllBytes();
                        return defineClass(name, bytes, 0, bytes.length);
                    } catch (IOException e) {
                        throw new ClassNotFoundException(name, e);
                    }
                }
            }
        };
    }

    @Test
    void classesThatAreMissingAreNotLookedFor() throws IOException {
        ClassLoader before = Thread.currentThread().getContextClassLoader();
        Thread.currentThread().setContextClassLoader(withoutGone());
        try {
            open(NamesMissing.class, null, BROKER.open());
            open(NamesMissing.class, String.class, BROKER.open());
            open(OfMissing.class, null, BROKER.open());
            open(OfMissing.class, String.class, BROKER.open());
            try (MessageWriter<Object> writer = MessageWriterFactory.<Object>builder().noConfig(true).type("mqtt").topic("t")
                    .parameter("brokers", BROKER.open()).parameter("value_serializer", NamesMissing.class.getName()).build()
                    .getWriter()) {
                String message = assertThrows(ClassCastException.class, () -> writer.write(1)).getMessage();
                assertTrue(message.endsWith("takes java.lang.String"), message);
            }
        } finally {
            Thread.currentThread().setContextClassLoader(before);
        }
    }
}
