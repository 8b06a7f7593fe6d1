import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.List;

import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/**
 * Stores each message in a file and then acknowledges it, so that no message is lost when the worker crashes.
 * examples/worker.rs does the same in Rust.
 */
public final class Worker {
    private static final Path LOG = Path.of("worker-java.log");

    private Worker() {
    }

    /** Stores the given number of messages. */
    private static void work(MessageReader<String> reader, FileChannel log, int count) throws IOException {
        for (int stored = 0; stored < count; stored++) {
            Message<String> message = next(reader);
            String line = message.getTimestampMicroseconds() + " " + message.getValue() + "\n";
            log.write(ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8)));
            log.force(false);
            // Acknowledge only now: until then the broker sends the message again, with the same time.
            reader.acknowledge(message);
        }
    }

    private static Message<String> next(MessageReader<String> reader) {
        Message<String> message = reader.read();
        if (message == null) {
            throw new IllegalStateException("no message came");
        }
        return message;
    }

    public static void main(String[] args) throws IOException {
        MessageReaderFactory<String> readers = MessageReaderFactory.<String>builder().service("worker")
                .receiveTimeout(Duration.ofSeconds(10)).build();
        MessageWriterFactory<String> writers = MessageWriterFactory.<String>builder().service("jobs").build();
        try (FileChannel log = FileChannel.open(LOG, StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
            try (MessageReader<String> reader = readers.getReader(); MessageWriter<String> writer = writers.getWriter()) {
                for (int number = 1; number <= 5; number++) {
                    writer.write("job " + number);
                }
                work(reader, log, 2);
                // The worker receives the third message and crashes before it has stored it.
                System.out.println("gave up at " + next(reader).getValue());
            }
            try (MessageReader<String> reader = readers.getReader()) {
                work(reader, log, 3);
            }
        }
        List<String> stored = Files.readAllLines(LOG);
        System.out.println("stored " + stored.size() + " jobs, the last one is " + stored.get(stored.size() - 1));
    }
}
