package jp.ad.sinet.stream.spi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

import org.jdeferred2.Promise;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

import jp.ad.sinet.stream.api.AsyncMessageReader;
import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.InvalidMessageException;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.PassingPlugin;
import jp.ad.sinet.stream.testing.Services;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageReaderFactory.MessageReaderFactoryBuilder;
import jp.ad.sinet.stream.utils.MessageWriterFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory.MessageWriterFactoryBuilder;

/** The exception of a compression or a cipher is the cause of the program's exception: the same object with its stack trace. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class PluginFailuresTest {
    /** The actions of the plugin on data that end with these texts. */
    private static final Map<String, Runnable> DOES = new ConcurrentHashMap<>();
    private static final Map<String, Object> COMPRESSED = Map.of("data_compression", true, "compression",
            Map.of("algorithm", "failing"));
    private static final Map<String, Object> ENCRYPTED = Map.of("data_encryption", true, "crypto",
            Map.of("algorithm", "failing"));

    @RegisterExtension
    static final Broker BROKER = new Broker();

    @TempDir
    Path directory;

    private final ClassLoader before = Thread.currentThread().getContextClassLoader();
    private final String topic = Clients.topic();

    @BeforeEach
    void install() throws IOException {
        DOES.clear();
        Services.install(directory, CompressionProvider.class, Failing.class);
        Services.install(directory, CryptoProvider.class, Failing.class);
    }

    @AfterEach
    void restore() {
        Thread.currentThread().setContextClassLoader(before);
    }

    /** A compression and a cipher that return their input. */
    public static class Failing extends PassingPlugin {
        /** For the service loader. */
        public Failing() {
            super("failing");
        }

        @Override
        protected byte[] passed(byte[] data) {
            String text = new String(data, StandardCharsets.UTF_8);
            DOES.forEach((end, work) -> {
                if (text.endsWith(end)) {
                    work.run();
                }
            });
            return data;
        }
    }

    /** An exception whose toString throws. */
    private static final class Mute extends RuntimeException {
        private static final long serialVersionUID = 1;

        @Override
        public String toString() {
            throw new IllegalStateException("it can't be shown");
        }
    }

    /** Throws a checked exception that the compiler does not know of. */
    @SuppressWarnings("unchecked")
    private static <E extends Throwable> void sneak(Throwable thrown) throws E {
        throw (E) thrown;
    }

    private static <E extends Throwable> E failsOn(String end, E thrown) {
        DOES.put(end, () -> PluginFailuresTest.<RuntimeException>sneak(thrown));
        return thrown;
    }

    private MessageWriterFactoryBuilder<String> writer(Map<String, Object> parameters) {
        return Clients.textWriter(BROKER.open(), topic).parameters(parameters);
    }

    private MessageReaderFactoryBuilder<String> reader(Map<String, Object> parameters) {
        return Clients.textReader(BROKER.open(), topic).parameters(parameters);
    }

    private static void causedBy(Throwable thrown, SinetStreamException e) {
        assertSame(thrown, e.getCause(), e::toString);
        assertTrue(Arrays.stream(thrown.getStackTrace()).anyMatch(frame -> frame.getClassName().contains("PluginFailuresTest")));
    }

    private static List<Throwable> everyKind() {
        return List.of(new IllegalStateException("a\0\uD800 text \u65E5\uD83D\uDE00"), new IOException("checked"),
                new OutOfMemoryError("no real one"), new NoClassDefFoundError("of/a/Plugin"), new StackOverflowError(),
                new AssertionError(), new InvalidMessageException("of this library"), new Mute());
    }

    @Test
    void ofWriters() {
        for (Map<String, Object> parameters : List.of(COMPRESSED, ENCRYPTED)) {
            try (MessageWriter<String> writer = writer(parameters).build().getWriter()) {
                for (Throwable thrown : everyKind()) {
                    failsOn("bad", thrown);
                    causedBy(thrown, assertThrows(SinetStreamIOException.class, () -> writer.write("bad")));
                    writer.write("good");
                }
            }
        }
    }

    @Test
    void ofAsynchronousWriters() throws Exception {
        for (Map<String, Object> parameters : List.of(COMPRESSED, ENCRYPTED)) {
            try (AsyncMessageWriter<String> writer = writer(parameters).build().getAsyncWriter()) {
                for (Throwable thrown : everyKind()) {
                    failsOn("bad", thrown);
                    causedBy(thrown, (SinetStreamException) rejected(writer.write("bad")));
                }
            }
        }
    }

    private static Throwable rejected(Promise<?, ? extends Throwable, ?> promise) throws InterruptedException {
        BlockingQueue<Throwable> failures = new LinkedBlockingQueue<>();
        promise.fail(failures::add);
        return failures.poll(20, TimeUnit.SECONDS);
    }

    @Test
    void ofReaders() {
        for (Map<String, Object> parameters : List.of(COMPRESSED, ENCRYPTED)) {
            DOES.clear();
            try (MessageReader<String> reader = reader(parameters).build().getReader();
                    MessageWriter<String> writer = writer(parameters).build().getWriter()) {
                for (Throwable thrown : everyKind()) {
                    DOES.clear();
                    writer.write("bad");
                    failsOn("bad", thrown);
                    if (thrown instanceof OutOfMemoryError) { // the message is not at fault
                        assertSame(thrown, assertThrows(OutOfMemoryError.class, reader::read));
                    } else {
                        causedBy(thrown, assertThrows(InvalidMessageException.class, reader::read));
                    }
                }
                Throwable injected = failsOn("", new IllegalStateException("injected"));
                reader.debugInjectMsgBytes(Clients.wire(new byte[] {1}), "t", null);
                causedBy(injected, assertThrows(InvalidMessageException.class, reader::read));
                Throwable lacking = failsOn("", new OutOfMemoryError("injected"));
                reader.debugInjectMsgBytes(Clients.wire(new byte[] {1}), "t", null);
                assertSame(lacking, assertThrows(OutOfMemoryError.class, reader::read));
            }
        }
    }

    /** Each message of a batch has its own cause, also when the texts are equal. */
    @Test
    void ofMessagesOfOneBatch() throws Exception {
        List<String> values = List.of("bad 1", "good 1", "bad 2", "nested", "bad 3", "not encoded", "bad 4", "good 2");
        BlockingQueue<Object> heard = new LinkedBlockingQueue<>();
        try (MessageReader<String> reader = reader(COMPRESSED).build().getReader();
                AsyncMessageReader<String> asynchronous = reader(COMPRESSED).build().getAsyncReader();
                MessageWriter<String> inner = Clients.textWriter(BROKER.open(), topic + "/inner").parameters(COMPRESSED)
                        .build().getWriter();
                MessageWriter<byte[]> nonsense = Clients.<byte[]>writer(BROKER.open(), topic, SimpleValueType.BYTE_ARRAY)
                        .parameter("user_data_only", true).build().getWriter();
                MessageWriter<String> writer = writer(COMPRESSED).build().getWriter()) {
            for (String value : values) {
                if (value.startsWith("not")) {
                    nonsense.write(value.getBytes(StandardCharsets.UTF_8));
                } else {
                    writer.write(value);
                }
                // Two writers have no order between them.
                int count = values.indexOf(value) + 1;
                Await.until("it arrives", () -> Long.valueOf(count).equals(reader.getInfo("connection.inbox_messages"))
                        && Long.valueOf(count).equals(asynchronous.getInfo("connection.inbox_messages")));
            }
            List<Throwable> thrown = new ArrayList<>();
            for (int i = 1; i <= 4; i++) {
                thrown.add(failsOn("bad " + i, new IllegalStateException("the same text")));
            }
            // A plugin uses a client, whose own plugin fails.
            Throwable ofInner = failsOn("written inside", new IllegalStateException("the same text"));
            DOES.put("nested", () -> causedBy(ofInner,
                    assertThrows(SinetStreamIOException.class, () -> inner.write("written inside"))));

            causedBy(thrown.get(0), assertThrows(InvalidMessageException.class, reader::read));
            assertEquals("good 1", reader.read().getValue());
            causedBy(thrown.get(1), assertThrows(InvalidMessageException.class, reader::read));
            assertEquals("nested", reader.read().getValue());
            causedBy(thrown.get(2), assertThrows(InvalidMessageException.class, reader::read));
            assertNull(assertThrows(InvalidMessageException.class, reader::read).getCause());
            causedBy(thrown.get(3), assertThrows(InvalidMessageException.class, reader::read));
            assertEquals("good 2", reader.read().getValue());

            asynchronous.addOnMessageCallback(message -> heard.add(message.getValue()), heard::add);
            for (int i = 0, bad = 0; i < values.size(); i++) {
                Object next = heard.poll(20, TimeUnit.SECONDS);
                if (values.get(i).startsWith("bad")) {
                    causedBy(thrown.get(bad++), (InvalidMessageException) next);
                } else if (values.get(i).startsWith("not")) {
                    assertNull(((InvalidMessageException) next).getCause());
                } else {
                    assertEquals(values.get(i), next);
                }
            }
        }
    }

    /** This holds also when the messaging system belongs to a plugin. */
    @Test
    void ofOtherMessagingSystems() throws Exception {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        MessageWriterFactory<String> writers = MessageWriterFactory.<String>builder().noConfig(true).type("iostream")
                .valueType(SimpleValueType.TEXT).parameters(COMPRESSED).parameter("iostream", Map.of("output_stream", out)).build();
        Throwable writing = failsOn("bad", new IllegalStateException("writing"));
        try (MessageWriter<String> writer = writers.getWriter()) {
            causedBy(writing, assertThrows(SinetStreamIOException.class, () -> writer.write("bad")));
        }
        try (AsyncMessageWriter<String> writer = writers.getAsyncWriter()) {
            causedBy(writing, (SinetStreamException) rejected(writer.write("bad")));
        }
        DOES.clear();
        try (MessageWriter<String> writer = writers.getWriter()) {
            writer.write("bad");
        }
        MessageReaderFactory<String> readers = MessageReaderFactory.<String>builder().noConfig(true).type("iostream")
                .valueType(SimpleValueType.TEXT).parameters(COMPRESSED)
                .parameter("iostream", Map.of("input_byte_array", out.toByteArray())).build();
        Throwable reading = failsOn("bad", new LinkageError("reading"));
        try (MessageReader<String> reader = readers.getReader()) {
            causedBy(reading, assertThrows(InvalidMessageException.class, reader::read));
        }
        BlockingQueue<Throwable> heard = new LinkedBlockingQueue<>();
        try (AsyncMessageReader<String> reader = readers.getAsyncReader()) {
            reader.addOnMessageCallback(message -> { }, heard::add);
            causedBy(reading, (SinetStreamException) heard.poll(20, TimeUnit.SECONDS));
        }
    }
}
