package jp.ad.sinet.stream.engine.plugin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.function.Function;

import org.jdeferred2.Promise;
import org.jdeferred2.impl.DeferredObject;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

import jp.ad.sinet.stream.api.AsyncMessageReader;
import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.engine.boundary.EngineAccess;
import jp.ad.sinet.stream.spi.AsyncMessageReaderProvider;
import jp.ad.sinet.stream.spi.AsyncMessageWriterProvider;
import jp.ad.sinet.stream.spi.MessageReaderProvider;
import jp.ad.sinet.stream.spi.MessageWriterProvider;
import jp.ad.sinet.stream.spi.PluginAsyncMessageReader;
import jp.ad.sinet.stream.spi.PluginAsyncMessageWriter;
import jp.ad.sinet.stream.spi.PluginMessageReader;
import jp.ad.sinet.stream.spi.PluginMessageWrapper;
import jp.ad.sinet.stream.spi.PluginMessageWriter;
import jp.ad.sinet.stream.spi.ReaderParameters;
import jp.ad.sinet.stream.spi.WriterParameters;
import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Background;
import jp.ad.sinet.stream.testing.LogCapture;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Services;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;
import jp.ad.sinet.stream.utils.Timestamped;

/** Plugins that block, fail and report late, and the reactions of clients. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class PluginThreadsTest {
    private static final Duration LIMIT = Duration.ofSeconds(20);
    /** The actions of a plugin when its methods are called; a method without an entry does nothing. */
    private static final Map<String, Function<Object[], Object>> WORK = new ConcurrentHashMap<>();

    @TempDir
    Path directory;

    @RegisterExtension
    final LogCapture log = new LogCapture();

    private final ClassLoader before = Thread.currentThread().getContextClassLoader();
    private final CountDownLatch go = new CountDownLatch(1);

    @BeforeEach
    void forget() {
        WORK.clear();
        WORK.put("getTopics", arguments -> List.of("t"));
    }

    @AfterEach
    void restore() {
        go.countDown();
        Thread.currentThread().setContextClassLoader(before);
        assertEquals(0, EngineAccess.liveHandles());
    }

    private static <P> P plugin(Class<P> type) {
        InvocationHandler work = (proxy, method, arguments) -> {
            Function<Object[], Object> found = WORK.get(method.getName());
            Object result = found == null ? null : found.apply(arguments);
            return result == null && method.getReturnType() == boolean.class ? (Object) false : result;
        };
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, work));
    }

    /** A plugin with blocking clients. */
    public static class Blocking implements MessageWriterProvider, MessageReaderProvider {
        @Override
        public String getType() {
            return "fake";
        }

        @Override
        public PluginMessageWriter getWriter(WriterParameters parameters) {
            return plugin(PluginMessageWriter.class);
        }

        @Override
        public PluginMessageReader getReader(ReaderParameters parameters) {
            return plugin(PluginMessageReader.class);
        }
    }

    /** A plugin with asynchronous clients. */
    public static class Asynchronous implements AsyncMessageWriterProvider, AsyncMessageReaderProvider {
        @Override
        public String getType() {
            return "fake";
        }

        @Override
        public PluginAsyncMessageWriter getAsyncWriter(WriterParameters parameters) {
            return plugin(PluginAsyncMessageWriter.class);
        }

        @Override
        public PluginAsyncMessageReader getAsyncReader(ReaderParameters parameters) {
            return plugin(PluginAsyncMessageReader.class);
        }
    }

    private MessageWriterFactory<String> writers(boolean blocking) throws IOException {
        Services.install(directory, blocking ? MessageWriterProvider.class : AsyncMessageWriterProvider.class,
                blocking ? Blocking.class : Asynchronous.class);
        return MessageWriterFactory.<String>builder().noConfig(true).type("fake").parameter("topic", "t")
                .parameter("user_data_only", true).valueType(SimpleValueType.TEXT).build();
    }

    private MessageReaderFactory<String> readers(boolean blocking) throws IOException {
        Services.install(directory, blocking ? MessageReaderProvider.class : AsyncMessageReaderProvider.class,
                blocking ? Blocking.class : Asynchronous.class);
        return MessageReaderFactory.<String>builder().noConfig(true).type("fake").parameter("topic", "t")
                .parameter("user_data_only", true).valueType(SimpleValueType.TEXT).build();
    }

    private static String value(Object[] arguments) {
        return new String((byte[]) ((Timestamped<?>) arguments[0]).getValue());
    }

    private static PluginMessageWrapper message(int number) {
        return new PluginMessageWrapper() {
            @Override
            public Timestamped<byte[]> getValue() {
                return new Timestamped<>(String.valueOf(number).getBytes());
            }

            @Override
            public String getTopic() {
                return "t";
            }

            @Override
            public Object getRaw() {
                return null;
            }
        };
    }

    /** Blocks in spite of interrupts. */
    private static void await(CountDownLatch latch) {
        while (latch.getCount() > 0) {
            try {
                latch.await();
            } catch (InterruptedException e) {
                // the interrupt is ignored
            }
        }
    }

    /** Blocks until it is interrupted. */
    private static Object untilInterrupted(CountDownLatch begun) {
        begun.countDown();
        try {
            new CountDownLatch(1).await();
            return null;
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted", e);
        }
    }

    private static Throwable failure(Promise<?, ? extends Throwable, ?> promise) throws InterruptedException {
        AtomicReference<Throwable> cause = new AtomicReference<>();
        CountDownLatch ended = new CountDownLatch(1);
        promise.fail(why -> {
            cause.set(why);
            ended.countDown();
        });
        assertTrue(ended.await(LIMIT.getSeconds(), TimeUnit.SECONDS), "no end");
        return cause.get();
    }

    private static void succeeds(Promise<?, ? extends Throwable, ?> promise) throws InterruptedException {
        promise.waitSafely(LIMIT.toMillis());
        assertTrue(promise.isResolved());
    }

    // ---- asynchronous writers

    @Test
    void everyErrorOfAWriterIsTheEndOfItsMessage() throws Exception {
        Error error = new AssertionError("meant to be");
        WORK.put("write", arguments -> {
            if (value(arguments).equals("1")) {
                throw error;
            }
            return null;
        });
        try (AsyncMessageWriter<String> writer = writers(true).getAsyncWriter()) {
            assertSame(error, failure(writer.write("1")).getCause());
            succeeds(writer.write("2"));
        }
    }

    /** This holds also for an asynchronous plugin that throws an Error. */
    @Test
    void everyErrorOfAnAsynchronousWriterIsTheEndOfItsMessage() throws Exception {
        Error error = new AssertionError("meant to be");
        WORK.put("write", arguments -> {
            throw error;
        });
        try (AsyncMessageWriter<String> writer = writers(false).getAsyncWriter()) {
            assertSame(error, failure(writer.write("1")).getCause());
        }
    }

    @Test
    void aWriterThatDoesNotReturnLeavesNoMessageWithoutItsEnd() throws Exception {
        CountDownLatch writing = new CountDownLatch(1);
        WORK.put("write", arguments -> {
            writing.countDown();
            await(go);
            return null;
        });
        AsyncMessageWriter<String> writer = writers(true).getAsyncWriter();
        List<Promise<?, ? extends Throwable, ?>> promises = new ArrayList<>();
        List<Integer> order = new CopyOnWriteArrayList<>();
        for (int i = 0; i < 3; i++) {
            int number = i;
            promises.add(writer.write("m").fail(cause -> {
                order.add(number);
                throw new AssertionError("of a callback");
            }));
        }
        writing.await();
        Background<Void> closing = Background.call(() -> {
            Thread.currentThread().interrupt(); // otherwise the close waits ten seconds
            writer.close();
            return null;
        });
        closing.get(LIMIT);
        assertTrue(closing.interruptedAtEnd());
        assertTrue(failure(promises.get(0)).getMessage().contains("may have been delivered"));
        assertTrue(failure(promises.get(1)).getMessage().contains("was not sent"));
        assertInstanceOf(SinetStreamIOException.class, failure(promises.get(2)));
        assertEquals(List.of(0, 1, 2), order);
    }

    /** The plugin has accepted messages and never reports their outcomes, or reports them too late. */
    @Test
    void whatAnAsynchronousPluginDoesNotEndEndsWithTheWriter() throws Exception {
        List<DeferredObject<Void, Throwable, Void>> taken = new CopyOnWriteArrayList<>();
        WORK.put("write", arguments -> {
            taken.add(new DeferredObject<>());
            return taken.get(taken.size() - 1).promise();
        });
        AsyncMessageWriter<String> writer = writers(false).getAsyncWriter();
        Promise<?, ? extends Throwable, ?> first = writer.write("1");
        Promise<?, ? extends Throwable, ?> second = writer.write("2");
        Await.until("both are with the plugin", () -> taken.size() == 2);
        WORK.put("close", arguments -> taken.get(1).resolve(null));
        writer.close();
        taken.get(0).resolve(null);
        assertTrue(second.isResolved(), "what ends during the close has its own end");
        assertTrue(failure(first).getMessage().contains("may have been delivered"));
        assertTrue(failure(writer.write("3")).getMessage().contains("was not sent"));
    }

    @Test
    void promisesEndThoughThePluginsCloseDoesNotReturn() throws Exception {
        WORK.put("write", arguments -> new DeferredObject<Void, Throwable, Void>().promise());
        WORK.put("close", arguments -> {
            await(go);
            return null;
        });
        AsyncMessageWriter<String> writer = writers(false).getAsyncWriter();
        Promise<?, ? extends Throwable, ?> promise = writer.write("1");
        Throwable why = Background.call(() -> {
            Thread.currentThread().interrupt(); // otherwise the close waits ten seconds
            writer.close();
            return null;
        }).failure(LIMIT);
        assertTrue(why.getMessage().contains("its close does not return"), why::toString);
        assertTrue(failure(promise).getMessage().contains("may have been delivered"));
    }

    @Test
    void callbacksMayWriteWhileTheQueueIsFull() throws Exception {
        int room = 10_000;
        CountDownLatch written = new CountDownLatch(2 * room);
        try (AsyncMessageWriter<String> writer = writers(true).getAsyncWriter()) {
            for (int i = 0; i < room; i++) {
                writer.write("m").done(nothing -> {
                    written.countDown();
                    writer.write("again").done(again -> written.countDown());
                });
            }
            assertTrue(written.await(20, TimeUnit.SECONDS), () -> written + " are missing");
        }
    }

    @Test
    void whoWaitsForRoomDoesSoUntilTheCloseAtMost() throws Exception {
        WORK.put("write", arguments -> {
            await(go);
            return null;
        });
        AsyncMessageWriter<String> writer = writers(true).getAsyncWriter();
        for (int i = 0; i < 10_000; i++) {
            writer.write("m");
        }
        Background<Throwable> waiting = Background.call(() -> {
            for (int i = 0; i < 10; i++) {
                Promise<?, ? extends Throwable, ?> more = writer.write("more");
                if (more.isRejected()) {
                    return failure(more);
                }
            }
            return null;
        });
        waiting.awaitParked();
        Background.call(() -> {
            Thread.currentThread().interrupt(); // otherwise the close waits ten seconds
            writer.close();
            return null;
        }).get(LIMIT);
        String why = waiting.get(LIMIT).getMessage();
        assertTrue(why.contains("was not sent"), why);
    }

    @Test
    void aCallbackMayCloseItsWriter() throws Exception {
        WORK.put("write", arguments -> {
            await(go);
            return null;
        });
        AsyncMessageWriter<String> writer = writers(true).getAsyncWriter();
        CountDownLatch closed = new CountDownLatch(1);
        writer.write("1").done(nothing -> {
            writer.close();
            closed.countDown();
        });
        Promise<?, ? extends Throwable, ?> second = writer.write("2");
        go.countDown();
        assertTrue(closed.await(5, TimeUnit.SECONDS), "it does not wait for itself");
        succeeds(second);
    }

    @Test
    void aPluginThatBlocksInAWriteKeepsNobodyWaitingAndEndsWithTheClose() throws Exception {
        CountDownLatch writing = new CountDownLatch(1);
        WORK.put("write", arguments -> untilInterrupted(writing));
        AsyncMessageWriter<String> writer = writers(false).getAsyncWriter();
        Promise<?, ? extends Throwable, ?> first = Background.<Promise<?, ? extends Throwable, ?>>call(() -> writer.write("1"))
                .get(LIMIT);
        writing.await();
        Promise<?, ? extends Throwable, ?> second = Background.<Promise<?, ? extends Throwable, ?>>call(() -> writer.write("2"))
                .get(LIMIT);
        Background.call(() -> {
            Thread.currentThread().interrupt(); // otherwise the close waits ten seconds
            writer.close();
            return null;
        }).get(LIMIT);
        assertTrue(failure(first).getMessage().contains("may have been delivered"));
        assertTrue(failure(second).getMessage().contains("was not sent"));
    }

    /** When outcomes arrive slowly, a waiting thread does not wait for many of them. */
    @Test
    void whoWaitsForRoomGoesOnWhenThereHasBeenSomeForAMoment() throws Exception {
        List<DeferredObject<Void, Throwable, Void>> taken = new CopyOnWriteArrayList<>();
        WORK.put("write", arguments -> {
            DeferredObject<Void, Throwable, Void> sent = new DeferredObject<>();
            taken.add(sent);
            return sent.promise();
        });
        int most = 10_000;
        try (AsyncMessageWriter<String> writer = writers(false).getAsyncWriter()) {
            for (int i = 0; i < most; i++) {
                writer.write("m");
            }
            Await.until("all are with the plugin", () -> taken.size() == most);
            Background<Void> further = Background.<Void>call(() -> {
                writer.write("further");
                return null;
            }).awaitParked();
            int ended = 0;
            while (!further.isDone() && ended < most / 10) {
                taken.get(ended++).resolve(null);
                TimeUnit.MILLISECONDS.sleep(10); // the outcomes arrive this slowly
            }
            further.get(LIMIT);
            assertTrue(ended < most / 10, () -> "it waits for more than a tenth of them");
            WORK.put("close", arguments -> {
                taken.forEach(sent -> {
                    if (sent.isPending()) {
                        sent.resolve(null);
                    }
                });
                return null;
            });
        }
    }

    @Test
    void anIdleWriterHasNoThread() throws Exception {
        try (AsyncMessageWriter<String> writer = writers(true).getAsyncWriter()) {
            for (int i = 0; i < 2; i++) {
                succeeds(writer.write("m"));
                Await.until("its thread ends", () -> Thread.getAllStackTraces().keySet().stream()
                        .noneMatch(thread -> thread.getName().equals("sinetstream-writer")));
            }
        }
    }

    // ---- asynchronous readers

    @Test
    void aReaderGoesOnAfterAnyErrorAndReadsNothingForNobody() throws Exception {
        BlockingQueue<PluginMessageWrapper> queue = new LinkedBlockingQueue<>();
        BlockingQueue<Object> heard = new LinkedBlockingQueue<>();
        Error error = new AssertionError("meant to be");
        AtomicReference<Error> next = new AtomicReference<>(error);
        WORK.put("read", arguments -> {
            Error now = next.getAndSet(null);
            if (now != null) {
                throw now;
            }
            try {
                return queue.poll(10, TimeUnit.MILLISECONDS);
            } catch (InterruptedException e) {
                return null;
            }
        });
        AsyncMessageReader<String> reader = readers(true).getAsyncReader();
        Consumer<Message<String>> values = message -> heard.add(message.getValue());
        reader.addOnMessageCallback(values, heard::add);
        assertSame(error, ((Throwable) heard.poll(20, TimeUnit.SECONDS)).getCause());
        queue.add(message(0));
        assertEquals("0", heard.poll(20, TimeUnit.SECONDS));
        reader.clearOnMessageCallback();
        for (int i = 1; i < 50; i++) {
            queue.add(message(i));
        }
        reader.addOnMessageCallback(values);
        for (int i = 1; i < 50; i++) {
            assertEquals(String.valueOf(i), heard.poll(20, TimeUnit.SECONDS));
        }
        reader.close();
        assertEquals(0, heard.size());
    }

    /** A stream behaves so at its end. */
    @Test
    void aReaderThatDoesNotWaitForMessagesIsNotAskedWithoutEnd() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        BlockingQueue<Object> heard = new LinkedBlockingQueue<>();
        WORK.put("read", arguments -> asked.incrementAndGet() % 12 == 0 ? message(0) : null);
        try (AsyncMessageReader<String> reader = readers(true).getAsyncReader()) {
            reader.addOnMessageCallback(heard::add);
            heard.poll(50, TimeUnit.SECONDS);
            // The pauses before the next message are 1, 2, 4, ... 512 ms, and one second; a pause may end early for other
            // work.
            long start = System.nanoTime();
            heard.poll(50, TimeUnit.SECONDS);
            assertTrue(System.nanoTime() - start > TimeUnit.MILLISECONDS.toNanos(1500), "it was asked too often");
        }
    }

    @Test
    void aReaderThatBlocksEndsWithTheClose() throws Exception {
        CountDownLatch reading = new CountDownLatch(1);
        WORK.put("read", arguments -> untilInterrupted(reading));
        AsyncMessageReader<String> reader = readers(true).getAsyncReader();
        reader.addOnMessageCallback(message -> { });
        reading.await();
        Background.run(reader::close).get(LIMIT);
        assertEquals(List.of(), log.warnings());
    }

    /** The plugin may wait for a thread that removes callbacks or closes the reader. */
    @Test
    void aPluginThatBlocksWhileItBeginsToListenKeepsNobodyWaiting() throws Exception {
        CountDownLatch listening = new CountDownLatch(1);
        WORK.put("addOnMessageCallback", arguments -> untilInterrupted(listening));
        AsyncMessageReader<String> reader = readers(false).getAsyncReader();
        Background<Void> adding = Background.run(() -> reader.addOnMessageCallback(message -> { }));
        listening.await();
        Background.run(() -> reader.addOnMessageCallback(message -> { }, cause -> { })).get(LIMIT);
        Background.run(reader::clearOnMessageCallback).get(LIMIT);
        Background.run(reader::close).get(LIMIT);
        assertInstanceOf(SinetStreamIOException.class, adding.failure(LIMIT));
    }

    @Test
    void aPluginThatCanNotListenIsAskedAgain() throws Exception {
        AtomicReference<Object> told = new AtomicReference<>();
        WORK.put("addOnMessageCallback", arguments -> {
            throw new IllegalStateException("not yet");
        });
        try (AsyncMessageReader<String> reader = readers(false).getAsyncReader()) {
            BlockingQueue<String> heard = new LinkedBlockingQueue<>();
            SinetStreamIOException e = assertThrows(SinetStreamIOException.class,
                    () -> reader.addOnMessageCallback(message -> heard.add(message.getValue())));
            assertTrue(e.getMessage().contains("'fake'") && e.getMessage().contains("not yet"), e::getMessage);
            WORK.put("addOnMessageCallback", arguments -> {
                told.set(arguments[0]);
                return null;
            });
            reader.addOnMessageCallback(message -> heard.add("again " + message.getValue()));
            @SuppressWarnings("unchecked")
            Consumer<PluginMessageWrapper> plugin = (Consumer<PluginMessageWrapper>) told.get();
            plugin.accept(message(7));
            assertEquals("again 7", heard.poll(20, TimeUnit.SECONDS));
            assertTrue(heard.isEmpty());
        }
    }

    @Test
    void whatAPluginBringsWhileItBeginsToListenIsHeard() throws Exception {
        WORK.put("addOnMessageCallback", arguments -> {
            @SuppressWarnings("unchecked")
            Consumer<Throwable> failed = (Consumer<Throwable>) arguments[1];
            failed.accept(new IOException("can't subscribe"));
            return null;
        });
        try (AsyncMessageReader<String> reader = readers(false).getAsyncReader()) {
            BlockingQueue<Throwable> failures = new LinkedBlockingQueue<>();
            reader.addOnMessageCallback(message -> { }, failures::add);
            Throwable failure = failures.poll(20, TimeUnit.SECONDS);
            assertTrue(failure != null && failure.getMessage().contains("can't subscribe"), () -> "heard: " + failure);
        }
    }

    @Test
    void whoAddsWhileThePluginBeginsToListenHearsOfItsFailure() throws Exception {
        CountDownLatch asked = new CountDownLatch(1);
        WORK.put("addOnMessageCallback", arguments -> {
            asked.countDown();
            await(go);
            throw new IllegalStateException("not yet");
        });
        try (AsyncMessageReader<String> reader = readers(false).getAsyncReader()) {
            Background<Void> first = Background.run(() -> reader.addOnMessageCallback(message -> { }));
            asked.await();
            BlockingQueue<Throwable> failures = new LinkedBlockingQueue<>();
            reader.addOnMessageCallback(message -> { }, failures::add);
            go.countDown();
            assertTrue(first.failure(LIMIT).getMessage().contains("not yet"));
            Throwable told = failures.poll(20, TimeUnit.SECONDS);
            assertTrue(told != null && told.getMessage().contains("not yet"), () -> "told: " + told);
        }
    }

    // ---- blocking clients

    @Test
    void everyErrorOfABlockingPluginNamesIt() throws Exception {
        Error error = new AssertionError("meant to be");
        Function<Object[], Object> fails = arguments -> {
            throw error;
        };
        WORK.put("write", fails);
        WORK.put("read", fails);
        try (MessageWriter<String> writer = writers(true).getWriter();
                MessageReader<String> reader = readers(true).getReader()) {
            SinetStreamIOException ofWrite = assertThrows(SinetStreamIOException.class, () -> writer.write("1"));
            assertTrue(ofWrite.getCause() == error && ofWrite.getMessage().contains("'fake'"), ofWrite::toString);
            assertSame(error, assertThrows(SinetStreamIOException.class, reader::read).getCause());
            assertEquals(1, writer.getMetrics().getErrorCountTotal());
        }
    }

    @Test
    void aWriteEndsByAnInterruptAndByTheClose() throws Exception {
        CountDownLatch writing = new CountDownLatch(1);
        WORK.put("write", arguments -> untilInterrupted(writing));
        MessageWriter<String> writer = writers(true).getWriter();
        Background<Void> first = Background.run(() -> writer.write("1"));
        writing.await();
        Background<Void> second = Background.run(() -> writer.write("2"));
        Await.until("it waits for the first one", () -> second.thread().getState() != Thread.State.RUNNABLE);
        second.thread().interrupt();
        assertInstanceOf(SinetStreamIOException.class, second.failure(LIMIT));
        assertTrue(second.interruptedAtEnd());
        Background.run(writer::close).get(LIMIT);
        assertTrue(first.failure(LIMIT).getMessage().contains("was closed; the message may have been delivered"));
        assertFalse(first.interruptedAtEnd(), "the interrupt was for the write alone");
    }

    @Test
    void aReadEndsByTheClose() throws Exception {
        CountDownLatch reading = new CountDownLatch(1);
        WORK.put("read", arguments -> untilInterrupted(reading));
        MessageReader<String> reader = readers(true).getReader();
        Background<Message<String>> first = Background.call(reader::read);
        reading.await();
        Background<Message<String>> second = Background.call(reader::read);
        Await.until("it waits for the first one", () -> second.thread().getState() != Thread.State.RUNNABLE);
        Background.run(reader::close).get(LIMIT);
        assertTrue(first.failure(LIMIT).getMessage().contains("was closed"));
        assertInstanceOf(SinetStreamIOException.class, second.failure(LIMIT));
    }

    @Test
    void aWriteWaitsForOthersAsLongAsItMayTake() throws Exception {
        CountDownLatch writing = new CountDownLatch(1);
        WORK.put("write", arguments -> untilInterrupted(writing));
        writers(true);
        try (MessageWriter<String> writer = MessageWriterFactory.<String>builder().noConfig(true).type("fake")
                .parameter("topic", "t").parameter("write_timeout_ms", 50).valueType(SimpleValueType.TEXT).build().getWriter()) {
            Background<Void> first = Background.run(() -> writer.write("1"));
            writing.await();
            Throwable late = Background.run(() -> writer.write("2")).failure(LIMIT);
            assertTrue(late.getMessage().contains("timed out after 50 ms"), late::toString);
            first.thread().interrupt();
            assertInstanceOf(SinetStreamIOException.class, first.failure(LIMIT));
        }
    }

    @Test
    void aClientThatCanNotTellItsTopicsIsClosed() throws Exception {
        AtomicInteger closed = new AtomicInteger();
        WORK.put("close", arguments -> closed.incrementAndGet());
        WORK.remove("getTopics"); // getTopics then returns null
        MessageReaderFactory<String> readers = readers(true);
        assertThrows(SinetStreamIOException.class, () -> readers.getReader().close());
        assertThrows(SinetStreamIOException.class, () -> readers.getAsyncReader().close());
        WORK.put("getTopic", arguments -> {
            throw new IllegalStateException("meant to be");
        });
        MessageWriterFactory<String> writers = writers(true);
        assertThrows(SinetStreamIOException.class, () -> writers.getWriter().close());
        assertThrows(SinetStreamIOException.class, () -> writers.getAsyncWriter().close());
        assertEquals(4, closed.get());
    }
}
