package jp.ad.sinet.stream.engine.plugin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Function;

import org.jdeferred2.Promise;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.spi.PluginMessageReader;
import jp.ad.sinet.stream.spi.PluginMessageWrapper;
import jp.ad.sinet.stream.spi.PluginMessageWriter;
import jp.ad.sinet.stream.testing.Background;
import jp.ad.sinet.stream.utils.Timestamped;

/** The threads that make blocking plugins asynchronous. */
@Timeout(60)
class PluginThreadsTest {
    private static final Duration LIMIT = Duration.ofSeconds(20);

    /** A plugin that does this when it is to read or write, and nothing else. */
    private static <P> P plugin(Class<P> type, Function<Object[], Object> work) {
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (proxy, method, arguments) ->
                method.getName().equals("read") || method.getName().equals("write") ? work.apply(arguments) : null));
    }

    private static Timestamped<byte[]> message(int number) {
        return new Timestamped<>(new byte[] {(byte) number});
    }

    private static Throwable failure(Promise<?, ? extends Throwable, ?> promise) throws InterruptedException {
        AtomicReference<Throwable> cause = new AtomicReference<>();
        promise.fail(cause::set);
        promise.waitSafely(LIMIT.toMillis());
        assertTrue(promise.isRejected());
        return cause.get();
    }

    @Test
    void everyErrorOfAWriterIsTheEndOfItsMessage() throws Exception {
        Error error = new AssertionError("meant to be");
        WriterThread writer = new WriterThread(plugin(PluginMessageWriter.class, arguments -> {
            if (((byte[]) ((Timestamped<?>) arguments[0]).getValue())[0] == 1) {
                throw error;
            }
            return null;
        }));
        assertSame(error, failure(writer.write(message(1))));
        Promise<?, ? extends Throwable, ?> next = writer.write(message(2));
        next.waitSafely(LIMIT.toMillis());
        assertTrue(next.isResolved());
        writer.close();
    }

    @Test
    void aWriterThatDoesNotReturnLeavesNoMessageWithoutItsEnd() throws Exception {
        CountDownLatch writing = new CountDownLatch(1);
        CountDownLatch go = new CountDownLatch(1);
        WriterThread writer = new WriterThread(plugin(PluginMessageWriter.class, arguments -> {
            writing.countDown();
            while (go.getCount() > 0) {
                try {
                    go.await();
                } catch (InterruptedException e) {
                    // it does not care
                }
            }
            return null;
        }));
        List<Promise<?, ? extends Throwable, ?>> promises = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            promises.add(writer.write(message(i)));
        }
        writing.await();
        List<Integer> order = new CopyOnWriteArrayList<>();
        for (int i = 0; i < 3; i++) {
            int number = i;
            promises.get(i).fail(cause -> {
                order.add(number);
                throw new AssertionError("of a callback");
            });
        }
        Background<Void> closing = Background.call(() -> {
            Thread.currentThread().interrupt(); // otherwise it waits ten seconds
            writer.close();
            return null;
        });
        closing.get(LIMIT);
        assertEquals(List.of(0, 1, 2), order);
        assertTrue(failure(promises.get(0)).getMessage().contains("may have been delivered"));
        assertTrue(failure(promises.get(1)).getMessage().contains("was not sent"));
        assertTrue(failure(promises.get(2)) instanceof SinetStreamIOException);
        go.countDown();
    }

    @Test
    void aReaderGoesOnAfterAnyErrorAndReadsNothingForNobody() throws Exception {
        BlockingQueue<PluginMessageWrapper> queue = new LinkedBlockingQueue<>();
        BlockingQueue<Object> heard = new LinkedBlockingQueue<>();
        Error error = new AssertionError("meant to be");
        AtomicReference<Error> next = new AtomicReference<>(error);
        ReaderThread reader = new ReaderThread(plugin(PluginMessageReader.class, arguments -> {
            Error now = next.getAndSet(null);
            if (now != null) {
                throw now;
            }
            try {
                return queue.poll(10, TimeUnit.MILLISECONDS);
            } catch (InterruptedException e) {
                return null;
            }
        }));
        reader.addOnMessageCallback(heard::add, heard::add);
        assertSame(error, heard.poll(20, TimeUnit.SECONDS));
        List<PluginMessageWrapper> messages = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            messages.add(plugin(PluginMessageWrapper.class, arguments -> null));
        }
        queue.add(messages.get(0));
        assertSame(messages.get(0), heard.poll(20, TimeUnit.SECONDS));
        reader.clearOnMessageCallback();
        queue.addAll(messages.subList(1, 50));
        Thread.sleep(50); // what is read too much would be lost in this time
        reader.addOnMessageCallback(heard::add, heard::add);
        for (PluginMessageWrapper message : messages.subList(1, 50)) {
            assertSame(message, heard.poll(20, TimeUnit.SECONDS));
        }
        reader.close();
        assertEquals(0, heard.size());
    }

    /** As a stream does at its end. */
    @Test
    void aReaderThatDoesNotWaitForMessagesIsNotAskedWithoutEnd() throws Exception {
        AtomicInteger asked = new AtomicInteger();
        BlockingQueue<Object> heard = new LinkedBlockingQueue<>();
        PluginMessageWrapper message = plugin(PluginMessageWrapper.class, arguments -> null);
        ReaderThread reader = new ReaderThread(plugin(PluginMessageReader.class,
                arguments -> asked.incrementAndGet() % 12 == 0 ? message : null));
        reader.addOnMessageCallback(heard::add, heard::add);
        assertSame(message, heard.poll(50, TimeUnit.SECONDS));
        // The pauses before the next message: 1, 2, 4, ... 512 ms, and one second.
        long start = System.nanoTime();
        assertSame(message, heard.poll(50, TimeUnit.SECONDS));
        assertTrue(System.nanoTime() - start > TimeUnit.MILLISECONDS.toNanos(1500), "it was asked too often");
        reader.close();
    }

    @Test
    void callbacksMayWriteWhileTheQueueIsFull() throws Exception {
        WriterThread writer = new WriterThread(plugin(PluginMessageWriter.class, arguments -> null));
        int room = 10_000;
        CountDownLatch written = new CountDownLatch(2 * room);
        for (int i = 0; i < room; i++) {
            writer.write(message(i)).done(nothing -> {
                written.countDown();
                writer.write(message(0)).done(again -> written.countDown());
            });
        }
        assertTrue(written.await(20, TimeUnit.SECONDS), () -> written + " are missing");
        writer.close();
    }

    @Test
    void aCallbackMayCloseItsWriter() throws Exception {
        CountDownLatch go = new CountDownLatch(1);
        WriterThread writer = new WriterThread(plugin(PluginMessageWriter.class, arguments -> {
            try {
                go.await();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
            return null;
        }));
        CountDownLatch closed = new CountDownLatch(1);
        writer.write(message(1)).done(nothing -> {
            writer.close();
            closed.countDown();
        });
        Promise<?, ? extends Throwable, ?> second = writer.write(message(2));
        go.countDown();
        assertTrue(closed.await(5, TimeUnit.SECONDS), "it does not wait for itself");
        assertTrue(failure(second).getMessage().contains("was not sent"));
    }
}
