package jp.ad.sinet.stream.testing;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import jp.ad.sinet.stream.api.AsyncMessageReader;
import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.MessageIO;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.engine.boundary.EngineAccess;
import jp.ad.sinet.stream.utils.MessageReaderFactory;

/** A program that continues while its process can start no more threads. The limit is the memory for their stacks. */
final class NoThreads {
    /** Smaller than the default stack of a thread here, and too large to be cached for the next thread. */
    private static final long SMALL_STACK = 48L << 20;
    private static final Duration LIMIT = Duration.ofSeconds(8);

    private NoThreads() {
    }

    static void live(String broker) throws IOException {
        int port = Integer.parseInt(broker.substring(broker.lastIndexOf(':') + 1));
        try (Proxy ahead = new Proxy(port); Proxy behind = new Proxy(port);
                AsyncMessageWriter<String> told = Clients.textWriter(ahead.address(), "t")
                        .consistency(Consistency.AT_LEAST_ONCE).build().getAsyncWriter();
                MessageWriter<String> writer = writer(behind.address());
                AsyncMessageReader<String> plugged = MessageReaderFactory.<String>builder().noConfig(true).type("iostream")
                        .parameter("iostream", Map.of("input_byte_array", new byte[] {'x'})).parameter("user_data_only", true)
                        .valueType(SimpleValueType.TEXT).build().getAsyncReader()) {
            MessageIO closed = writer(broker);
            Await.until("callbacks have no thread", () -> Thread.getAllStackTraces().keySet().stream()
                    .noneMatch(thread -> thread.getName().startsWith("sinetstream-callbacks")));
            ahead.stall(true);
            behind.stall(true);
            CompletableFuture<?> promise = told.writeAsync("x");
            CountDownLatch written = new CountDownLatch(1);
            CountDownLatch enough = new CountDownLatch(1);
            Background<Void> write = Background.run(() -> {
                writer.write("x");
                written.countDown();
                await(enough); // otherwise another thread would find room
            }).awaitParked();
            occupy(enough);
            CountDownLatch heard = new CountDownLatch(1);
            try {
                plugged.addOnMessageCallback(message -> heard.countDown());
            } catch (OutOfMemoryError e) {
                // this may happen at first
            }
            ahead.stall(false);
            Await.until("the confirmation is there", () -> told.getInfo("connection.in_flight").equals(0L));
            behind.stall(false);
            Await.until("the end of the write", () -> written.getCount() == 0);
            System.out.println("a write ends");
            int before = EngineAccess.liveHandles();
            closed.close();
            System.out.println(before - EngineAccess.liveHandles() + " client is closed");
            enough.countDown();
            write.get(LIMIT);
            Await.until("the callback", promise::isDone);
            System.out.println("told: " + promise.isDone());
            plugged.addOnMessageCallback(message -> heard.countDown(), cause -> { });
            Await.until("the message of a plugin", () -> heard.getCount() == 0);
            System.out.println("a plugin's reader has its thread");
        }
    }

    private static MessageWriter<String> writer(String broker) {
        return Clients.textWriter(broker, "t").consistency(Consistency.AT_LEAST_ONCE).build().getWriter();
    }

    /** Starts threads until no more can be started, but leaves some memory. */
    private static void occupy(CountDownLatch enough) {
        CountDownLatch one = new CountDownLatch(1);
        Deque<Thread> threads = new ArrayDeque<>();
        try {
            while (true) {
                CountDownLatch end = threads.isEmpty() ? one : enough;
                Thread thread = new Thread(null, () -> await(end), "occupant", SMALL_STACK);
                thread.setDaemon(true);
                thread.start();
                threads.add(thread);
            }
        } catch (OutOfMemoryError e) {
            one.countDown();
            Await.until("one of them has ended", () -> !threads.peek().isAlive());
        }
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await(LIMIT.toSeconds() * 2, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }
}
