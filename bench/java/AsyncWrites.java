import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/** One thread writes without waiting, but with no more than a window of unconfirmed messages. */
final class AsyncWrites extends Writes {
    private static final int PATIENCE_SECONDS = 20;

    private final Client.AsyncWriter writer;

    AsyncWrites(Options options, Row row, Client.AsyncWriter writer) throws Exception {
        super(options, row);
        this.writer = writer;
    }

    @Override
    long writeFor(Duration time) throws Exception {
        Semaphore window = new Semaphore(row.window);
        AtomicLong failed = new AtomicLong();
        long started = 0;
        long end = System.nanoTime() + time.toNanos();
        while (System.nanoTime() < end) {
            if (!window.tryAcquire(PATIENCE_SECONDS, TimeUnit.SECONDS)) break;
            started++;
            try {
                writer.write(value, error -> {
                    if (error != null) {
                        failed.incrementAndGet();
                        problems.add(error);
                    }
                    window.release();
                });
            } catch (Exception error) {
                failed.incrementAndGet();
                problems.add(error);
                window.release();
            }
        }
        boolean ended = window.tryAcquire(row.window, PATIENCE_SECONDS, TimeUnit.SECONDS);
        if (!ended) throw new IllegalStateException("after " + started + " writes, some do not end");
        return started - failed.get();
    }
}
