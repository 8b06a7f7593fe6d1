import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicLong;

/** Counts the messages that a reader gets. */
final class Reads {
    private final Options options;
    private final Row row;
    private final AtomicLong messages = new AtomicLong();
    private Feeding feeding;
    final Problems problems = new Problems();

    Reads(Options options, Row row) {
        this.options = options;
        this.row = row;
    }

    AutoCloseable openWithCallback(Client client, Target target) throws Exception {
        return client.callbackReader(target, this::count, problems::add);
    }

    AutoCloseable openBlocking(Client client, Target target) throws Exception {
        Client.BlockingReader reader = client.blockingReader(target);
        Thread thread = new Thread(() -> {
            try {
                while (true) {
                    byte[] bytes = reader.read();
                    if (bytes != null) count(bytes);
                }
            } catch (Exception error) {
                problems.add(error);
            }
        }, "reader");
        thread.setDaemon(true);
        thread.start();
        return reader;
    }

    /** This library gives the value; the others give the whole message, which has a header and a time besides. */
    private void count(byte[] bytes) {
        if (bytes.length < row.size) problems.add(new IOException("a message of " + bytes.length + " bytes"));
        messages.incrementAndGet();
    }

    Measured measure(Duration warm, Duration seconds) throws Exception {
        String feeder = options.find("feeder");
        if (feeder != null) feeding = new Feeding(feeder, row);
        pass(warm);
        Meter meter = new Meter();
        Measured measured = new Measured();
        measured.messages = pass(seconds);
        measured.elapsed = meter.elapsed();
        measured.cpu = meter.cpu();
        if (feeding != null) feeding.close();
        return measured;
    }

    /** Lets time pass; returns how many messages have come in it. */
    private long pass(Duration time) throws Exception {
        long before = messages.get();
        long end = System.nanoTime() + time.toNanos();
        while (System.nanoTime() < end) {
            Thread.sleep(1);
            if (feeding != null) feeding.tell(messages.get());
        }
        return messages.get() - before;
    }
}
