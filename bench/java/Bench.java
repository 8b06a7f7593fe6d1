import java.time.Duration;
import java.util.logging.LogManager;

/** Measures one row with one client in this JVM, and prints one line of JSON. */
public final class Bench {
    private static final Duration CLOSING = Duration.ofSeconds(3);

    private final Options options;
    private final Row row;
    private final Client client;
    private AutoCloseable open;
    private Problems problems;

    private Bench(Options options) {
        this.options = options;
        row = new Row(options.get("row"));
        client = Client.named(options.get("client"));
    }

    public static void main(String[] words) {
        LogManager.getLogManager().reset();
        int status = 0;
        try {
            new Bench(new Options(words)).run();
        } catch (Exception error) {
            error.printStackTrace();
            status = 1;
        }
        System.out.flush();
        // Not exit: whatever threads a client has left are not to be waited for.
        Runtime.getRuntime().halt(status);
    }

    private void run() throws Exception {
        String label = options.find("label");
        String name = label == null ? options.get("client") : label;
        if (row.kind.equals("clients")) {
            System.out.println(new Many(options, row, client).measure(name));
            return;
        }
        Measured measured = measure();
        System.out.println(measured.json(name, row.name, problems));
        Thread closing = new Thread(this::close);
        closing.setDaemon(true);
        closing.start();
        closing.join(CLOSING.toMillis());
    }

    private Measured measure() throws Exception {
        switch (row.kind) {
            case "write": {
                Client.AsyncWriter writer = client.asyncWriter(target(row.writeTopic()));
                open = writer;
                return measure(new AsyncWrites(options, row, writer));
            }
            case "blocking-write": {
                Client.BlockingWriter writer = client.blockingWriter(target(row.writeTopic()));
                open = writer;
                return measure(new BlockingWrites(options, row, writer));
            }
            default: {
                Reads reads = new Reads(options, row);
                problems = reads.problems;
                Target target = target(row.readTopic());
                open = row.kind.equals("read")
                        ? reads.openWithCallback(client, target)
                        : reads.openBlocking(client, target);
                return reads.measure(options.seconds("warm"), options.seconds("seconds"));
            }
        }
    }

    private Measured measure(Writes writes) throws Exception {
        problems = writes.problems;
        return writes.measure(options.seconds("warm"), options.seconds("seconds"));
    }

    private Target target(String topic) {
        return new Target(options, row, topic);
    }

    private void close() {
        try {
            open.close();
        } catch (Exception error) {
            System.err.println("closing: " + error);
        }
    }
}
