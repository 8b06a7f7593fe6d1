package jp.ad.sinet.stream.testing;

import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;

import jp.ad.sinet.stream.api.AsyncMessageReader;
import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory.MessageWriterFactoryBuilder;

/** Programs whose main returns while asynchronous clients still have work. */
final class LeftAtWork {
    static final String TOPIC = "left-at-work";

    /** A JVM that nothing keeps running has exited by then. */
    private static final long AFTER_THE_END_NANOS = 50_000_000;
    private static final long LONG_AFTER_THE_END_NANOS = 500_000_000;
    private static final Thread MAIN = Thread.currentThread();

    private LeftAtWork() {
    }

    /** Begins a scenario, whose name is "left-" with the given text. */
    static void begin(String what, String broker) {
        switch (what) {
            case "writes":
                AsyncMessageWriter<String> writer = writer(broker).build().getAsyncWriter();
                for (int i = 0; i < 5000; i++) {
                    writer.write("x" + i);
                }
                break;
            case "unconfirmed":
                writer(broker).parameter("write_timeout_ms", 1000).build().getAsyncWriter().write("x").fail(failure -> {
                    awaitMain();
                    System.out.println(failure.getMessage().replaceAll(" after .*", ""));
                });
                afterMain(() -> {
                    while (true) {
                        System.gc(); // the writer is not referenced any more
                        Thread.sleep(10);
                    }
                });
                break;
            case "daemon":
                AsyncMessageWriter<String> ends = writer(broker).daemon(true).build().getAsyncWriter();
                ends.write("x");
                AsyncMessageReader<String> ending = Clients.textReader(broker, TOPIC).daemon(true).build().getAsyncReader();
                ending.addOnMessageCallback(message -> { });
                break;
            case "closed":
                AsyncMessageWriter<String> closed = writer(broker).parameter("close_timeout_ms", 100).build().getAsyncWriter();
                closed.write("x");
                afterMain(closed::close);
                break;
            case "reader-closed":
            case "reader-removed":
                AsyncMessageReader<String> reader = Clients.textReader(broker, TOPIC).build().getAsyncReader();
                reader.addOnMessageCallback(message -> {
                    System.out.println(message.getValue());
                    if (what.endsWith("closed")) {
                        reader.close();
                    } else {
                        reader.clearOnMessageCallback();
                    }
                });
                afterMain(() -> {
                    try (MessageWriter<String> blocking = writer(broker).build().getWriter()) {
                        blocking.write("heard");
                    }
                });
                break;
            case "reader-ended":
                ScriptedBroker closing = ScriptedBroker.neverAcknowledging();
                afterMain(closing::close);
                Clients.textReader(closing.address(), TOPIC).parameter("connect", Map.of("automatic_reconnect", false)).build()
                        .getAsyncReader().addOnMessageCallback(message -> { }, failure -> System.out.println("ended"));
                break;
            case "plugin-writer":
                MessageWriterFactory.<String>builder().noConfig(true).type("iostream").valueType(SimpleValueType.TEXT)
                        .parameter("user_data_only", true).parameter("iostream", Map.of("output_stream", new Printing()))
                        .build().getAsyncWriter().write("written");
                break;
            case "plugin-reader":
                AsyncMessageReader<String> plugged = MessageReaderFactory.<String>builder().noConfig(true).type("iostream")
                        .valueType(SimpleValueType.TEXT).parameter("user_data_only", true)
                        .parameter("iostream", Map.of("input_stream", new Late())).build().getAsyncReader();
                plugged.addOnMessageCallback(message -> {
                    System.out.println(message.getValue());
                    plugged.clearOnMessageCallback();
                });
                break;
            case "plugin-never":
                MessageWriterFactory.<String>builder().noConfig(true).type("iostream").valueType(SimpleValueType.TEXT)
                        .parameter("user_data_only", true).parameter("write_timeout_ms", 100)
                        .parameter("iostream", Map.of("output_stream", new Hanging())).build().getAsyncWriter().write("x");
                break;
            case "executor-drops":
                writer(broker).parameter("write_timeout_ms", 1000).executor(task -> { }).build().getAsyncWriter().write("x");
                break;
            case "executor-forgets":
                writer(broker).parameter("write_timeout_ms", 1000).executor(new ConcurrentLinkedQueue<>()::add).build()
                        .getAsyncWriter().write("x");
                break;
            default:
                finishing(what, broker);
                break;
        }
    }

    /** A callback finishes the work that keeps the JVM running, and continues with other work. */
    private static void finishing(String what, String broker) {
        if (what.equals("finishing-writer")) {
            AsyncMessageWriter<String> writer = writer(broker).build().getAsyncWriter();
            Thread main = Thread.currentThread();
            AtomicBoolean wasTooLate = new AtomicBoolean();
            do { // a callback that is added after its message has ended runs at once on this thread
                wasTooLate.set(false);
                writer.write("x").done(nothing -> {
                    if (Thread.currentThread() == main) {
                        wasTooLate.set(true);
                        return;
                    }
                    awaitMain();
                    writer.close();
                    finish();
                });
            } while (wasTooLate.get());
            return;
        }
        AsyncMessageReader<String> reader = Clients.textReader(broker, TOPIC).build().getAsyncReader();
        CountDownLatch begun = new CountDownLatch(1);
        reader.addOnMessageCallback(message -> {
            begun.countDown();
            awaitMain();
            switch (what) {
                case "finishing-closed":
                    reader.close();
                    break;
                case "finishing-removed":
                    reader.clearOnMessageCallback();
                    break;
                case "finishing-beside":
                    break;
                default:
                    throw new IllegalArgumentException(what);
            }
            finish();
            throw new IllegalStateException("on purpose");
        });
        try (MessageWriter<String> blocking = writer(broker).build().getWriter()) {
            blocking.write("x");
            begun.await();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        if (what.equals("finishing-beside")) {
            reader.clearOnMessageCallback();
        }
    }

    private static void finish() {
        LockSupport.parkNanos(LONG_AFTER_THE_END_NANOS);
        System.out.println("result");
    }

    private static MessageWriterFactoryBuilder<String> writer(String broker) {
        return Clients.textWriter(broker, TOPIC).consistency(Consistency.AT_LEAST_ONCE);
    }

    private interface Work {
        void run() throws InterruptedException;
    }

    /** Runs the work on a daemon thread, for which no JVM waits. */
    private static void afterMain(Work work) {
        Thread thread = new Thread(() -> {
            try {
                MAIN.join();
                work.run();
            } catch (InterruptedException e) {
                throw new AssertionError(e);
            }
        });
        thread.setDaemon(true);
        thread.start();
    }

    private static void awaitMain() {
        if (Thread.currentThread() == MAIN) {
            return; // the message ended before its callback was added, which main then runs
        }
        try {
            MAIN.join();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    /** A stream that blocks until main has returned. */
    private static final class Printing extends OutputStream {
        @Override
        public void write(int each) {
            awaitMain();
            LockSupport.parkNanos(AFTER_THE_END_NANOS);
            System.out.write(each);
        }

        @Override
        public void flush() {
            System.out.flush();
        }
    }

    /** A stream that blocks for ever. */
    private static final class Hanging extends OutputStream {
        @Override
        public void write(int each) {
            while (true) {
                LockSupport.park();
            }
        }
    }

    /** A stream that has no data until main has returned. */
    private static final class Late extends InputStream {
        private final byte[] text = "read".getBytes(StandardCharsets.UTF_8);
        private int next;

        @Override
        public int read() {
            awaitMain();
            return next < text.length ? text[next++] : -1;
        }
    }
}
