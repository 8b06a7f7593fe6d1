package jp.ad.sinet.stream.testing;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.logging.Level;
import java.util.logging.Logger;

import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.utils.MessageWriterFactory.MessageWriterFactoryBuilder;

/**
 * A program that writes through an outbox on disk until it is killed. It prints every value before it writes it, and again
 * when the value is accepted.
 */
public final class OutboxLife {
    /** The number of messages that the asynchronous writer has unconfirmed at a time. */
    private static final int WINDOW = 100;

    /** Unbuffered, so that the operating system has each line before the process can die. */
    private static final OutputStream OUT = new FileOutputStream(FileDescriptor.out);

    private OutboxLife() {
    }

    /** Returns a writer of a topic, which is also its client identifier. */
    public static MessageWriterFactoryBuilder<String> writer(String broker, String topic, String directory, String accept) {
        return Clients.textWriter(broker, topic).consistency(Consistency.AT_LEAST_ONCE).clientId(topic)
                .parameter("connect", Map.of("retry_first", 600))
                .parameter("reconnect_delay", Map.of("min_delay", 0.02, "max_delay", 0.1))
                .parameter("write_timeout_ms", 600_000)
                .parameter("outbox", Map.of("directory", directory, "accept", accept));
    }

    /**
     * Runs with the arguments after the scenario's name: broker, topic, directory, accept, whether to write asynchronously,
     * life.
     */
    static void live(String... arguments) throws InterruptedException {
        Logger.getLogger("jp.ad.sinet.stream").setLevel(Level.SEVERE); // each loss of the connection is logged as a warning
        MessageWriterFactoryBuilder<String> builder = writer(arguments[1], arguments[2], arguments[3], arguments[4]);
        String life = arguments[6];
        tell("opening");
        if (Boolean.parseBoolean(arguments[5])) {
            writeAsynchronously(builder, life);
            return;
        }
        try (MessageWriter<String> writer = builder.build().getWriter()) {
            for (int number = 0;; number++) {
                String value = life + "-" + number;
                tell("writing " + value);
                writer.write(value);
                tell("accepted " + value);
            }
        }
    }

    private static void writeAsynchronously(MessageWriterFactoryBuilder<String> builder, String life)
            throws InterruptedException {
        Semaphore room = new Semaphore(WINDOW);
        try (AsyncMessageWriter<String> writer = builder.build().getAsyncWriter()) {
            for (int number = 0;; number++) {
                room.acquire();
                String value = life + "-" + number;
                tell("writing " + value);
                writer.writeAsync(value).whenComplete((nothing, failure) -> {
                    tell(failure == null ? "accepted " + value : "failed " + value + ": " + failure);
                    room.release();
                });
            }
        }
    }

    private static void tell(String line) {
        try {
            OUT.write((line + "\n").getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
