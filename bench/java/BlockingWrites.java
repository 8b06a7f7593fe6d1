import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Threads that write to one writer, each message when the one before is confirmed. */
final class BlockingWrites extends Writes {
    private final Client.BlockingWriter writer;
    private final ExecutorService threads;

    BlockingWrites(Options options, Row row, Client.BlockingWriter writer) throws Exception {
        super(options, row);
        this.writer = writer;
        threads = Executors.newFixedThreadPool(row.threads);
    }

    @Override
    long writeFor(Duration time) throws Exception {
        long end = System.nanoTime() + time.toNanos();
        List<Future<Part>> parts = new ArrayList<>();
        for (int i = 0; i < row.threads; i++) parts.add(threads.submit(() -> writeUntil(end)));
        long written = 0;
        for (Future<Part> part : parts) {
            written += part.get().written;
            latencies.join(part.get().latencies);
        }
        return written;
    }

    /** What one thread did. */
    private static final class Part {
        final Latencies latencies = new Latencies();
        long written;
    }

    private Part writeUntil(long end) {
        Part part = new Part();
        long before = System.nanoTime();
        while (before < end) {
            boolean failed = false;
            try {
                writer.write(value);
            } catch (Exception error) {
                failed = true;
                problems.add(error);
            }
            long after = System.nanoTime();
            if (!failed) {
                part.written++;
                part.latencies.add(after - before);
            }
            before = after;
        }
        return part;
    }
}
