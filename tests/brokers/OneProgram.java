import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

import jp.ad.sinet.stream.api.AsyncMessageReader;
import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.Metrics;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/**
 * One program for each messaging system: {@code OneProgram FILE SERVICE...} does the same with each service of a configuration,
 * blocking and asynchronously. It prints one line for each step, which ends with "ok" or with the failure; the exit status is
 * the number of failures. A service whose name begins with "kept" has a reader that comes back, with a service of its own.
 */
public final class OneProgram {
    private static final int MESSAGES = 100;
    /** Kafka goes by the times of messages when it deletes old ones, so these are of today. */
    private static final long FIRST_MICROS = System.currentTimeMillis() * 1000;
    private static final long LIMIT_SECONDS = 60;

    private final Path file;
    private final String service;

    private OneProgram(Path file, String service) {
        this.file = file;
        this.service = service;
    }

    public static void main(String[] args) {
        int failed = 0;
        for (String service : List.of(args).subList(1, args.length)) {
            OneProgram program = new OneProgram(Path.of(args[0]), service);
            if (service.startsWith("kept")) {
                failed += step(service, program::kept);
            } else {
                failed += step(service + ", blocking", program::blocking);
                failed += step(service + ", asynchronous", program::asynchronous);
            }
        }
        System.exit(failed);
    }

    private interface Step {
        void run() throws Exception;
    }

    private static int step(String name, Step step) {
        try {
            step.run();
            System.out.println(name + ": ok");
            return 0;
        } catch (Exception | AssertionError e) {
            System.out.println(name + ": " + e);
            return 1;
        }
    }

    private static void check(boolean right, Object found) {
        if (!right) {
            throw new AssertionError("found " + found);
        }
    }

    private MessageWriterFactory<String> writers() {
        return MessageWriterFactory.<String>builder().configFile(file).service(service).build();
    }

    private MessageReaderFactory<String> readers() {
        return readers(service);
    }

    private MessageReaderFactory<String> readers(String name) {
        return MessageReaderFactory.<String>builder().configFile(file).service(name).build();
    }

    private static String value(int number) {
        return "message " + number + " " + "and what makes it long ".repeat(20);
    }

    private void blocking() {
        try (MessageReader<String> reader = readers().getReader(); MessageWriter<String> writer = writers().getWriter()) {
            for (int i = 0; i < MESSAGES; i++) {
                writer.write(value(i), FIRST_MICROS + i);
            }
            for (int i = 0; i < MESSAGES; i++) {
                check(reader.read(), i);
            }
            count(writer.getMetrics(), writer.getConfig().get("data_compression"));
            count(reader.getMetrics(), reader.getConfig().get("data_compression"));
        }
    }

    /** The bare value has no time of its own. */
    private void check(Message<String> message, int number) {
        String found = "not message " + number + ", but " + message;
        check(message != null && message.getValue().equals(value(number)), found);
        check(service.equals("value-alone") || message.getTimestampMicroseconds() == FIRST_MICROS + number, found);
    }

    private static void count(Metrics metrics, Object compressed) {
        check(metrics.getMsgCountTotal() == MESSAGES && metrics.getErrorCountTotal() == 0, metrics);
        long values = value(0).length() * (long) MESSAGES;
        check(metrics.getMsgUncompressedBytesTotal() >= values, metrics);
        check(Boolean.TRUE.equals(compressed) == metrics.getMsgBytesTotal() < values / 2, metrics);
    }

    private void asynchronous() throws InterruptedException {
        BlockingQueue<Message<String>> received = new LinkedBlockingQueue<>();
        AtomicReference<Throwable> failure = new AtomicReference<>();
        CountDownLatch confirmed = new CountDownLatch(MESSAGES);
        try (AsyncMessageReader<String> reader = readers().getAsyncReader();
                AsyncMessageWriter<String> writer = writers().getAsyncWriter()) {
            reader.addOnMessageCallback(received::add, failure::set);
            for (int i = 0; i < MESSAGES; i++) {
                writer.write(value(i), FIRST_MICROS + i).done(nothing -> confirmed.countDown()).fail(failure::set);
            }
            for (int i = 0; i < MESSAGES; i++) {
                check(received.poll(LIMIT_SECONDS, TimeUnit.SECONDS), i);
            }
            check(confirmed.await(LIMIT_SECONDS, TimeUnit.SECONDS), confirmed);
            check(failure.get() == null, failure);
            count(writer.getMetrics(), writer.getConfig().get("data_compression"));
            count(reader.getMetrics(), reader.getConfig().get("data_compression"));
        }
    }

    /** Checks that messages written while the reader is away wait for it. */
    private void kept() {
        try (MessageWriter<String> writer = writers().getWriter()) {
            try (MessageReader<String> reader = readers(service + "-reader").getReader()) {
                writer.write(value(0), FIRST_MICROS);
                check(reader.read(), 0);
            }
            writer.write(value(1), FIRST_MICROS + 1);
            try (MessageReader<String> reader = readers(service + "-reader").getReader()) {
                check(reader.read(), 1);
            }
        }
    }
}
