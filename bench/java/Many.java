import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;

/**
 * Many clients in this JVM, half of them writers and half readers, each writer with a reader of its own. ../rust/src/many.rs
 * does the same, and ../tools/src/many.rs prints the same.
 */
final class Many {
    /** Threads that open, and that close. */
    private static final int THREADS = 16;
    /** What takes longer has failed. */
    private static final Duration PATIENCE = Duration.ofSeconds(180);

    private final Options options;
    private final Row row;
    private final Client client;
    private final byte[] value;
    private final Presence.Crowd crowd = new Presence.Crowd();
    private final AtomicLong messages = new AtomicLong();
    private final Problems problems = new Problems();

    Many(Options options, Row row, Client client) {
        this.options = options;
        this.row = row;
        this.client = client;
        value = new byte[row.size];
    }

    /** Measures, and returns a line of JSON. */
    String measure(String name) throws Exception {
        // What the first clients cost is no part of what each costs.
        Pair first = open(0);
        if (exchange(List.of(first)) == null) throw new IllegalStateException("the first message did not come");
        first.close();
        long before = Meter.residentKib();

        Meter opening = new Meter();
        List<Pair> pairs = new ArrayList<>();
        List<Callable<Pair>> opens = new ArrayList<>();
        for (int i = 1; i <= row.clients / 2; i++) {
            int number = i;
            opens.add(() -> open(number));
        }
        for (Future<Pair> pair : inParallel(opens)) pairs.add(pair.get());
        Duration open = opening.elapsed();
        long threads = Meter.threads();

        // Before the idle time, so that what the collector, and opening, have left to do is no part of it.
        double kibEach = Math.max(0, Meter.residentKib() - before) / (double) row.clients;
        Thread.sleep(options.seconds("warm").toMillis());
        Meter idle = new Meter();
        Thread.sleep(options.seconds("seconds").toMillis());
        double idlePercent = 100.0 * idle.cpu().toNanos() / idle.elapsed().toNanos();

        Duration exchange = exchange(pairs);
        if (exchange == null) fail("of " + pairs.size() + " messages some did not come");

        restart();
        Meter returning = new Meter();
        Duration back = until(() -> crowd.allAreBack(row.clients)) ? returning.elapsed() : null;
        if (back == null) fail("of " + row.clients + " clients " + crowd.connected() + " are connected after the restart");

        Meter closing = new Meter();
        List<Callable<Void>> closes = new ArrayList<>();
        for (Pair pair : pairs) closes.add(pair::close);
        for (Future<Void> closed : inParallel(closes)) {
            try {
                closed.get();
            } catch (ExecutionException error) {
                problems.add(error.getCause());
            }
        }
        Duration close = closing.elapsed();

        return "{\"row\":" + Json.quoted(row.name)
                + ",\"client\":" + Json.quoted(name)
                + ",\"open_s\":" + seconds(open)
                + ",\"threads\":" + threads
                + ",\"idle_cpu_percent\":" + Json.number(idlePercent)
                + ",\"kib_each\":" + Json.number(kibEach)
                + ",\"exchange_s\":" + seconds(exchange)
                + ",\"back_s\":" + seconds(back)
                + ",\"close_s\":" + seconds(close)
                + ",\"errors\":" + problems.count()
                + ",\"first_error\":" + Json.quoted(problems.first()) + "}";
    }

    /** A writer and its reader. */
    private static final class Pair {
        AutoCloseable reader;
        Client.AsyncWriter writer;

        Void close() throws Exception {
            writer.close();
            reader.close();
            return null;
        }
    }

    private Pair open(int number) throws Exception {
        Pair pair = new Pair();
        pair.reader = client.callbackReader(target(number, 2 * number), this::count, problems::add);
        pair.writer = client.asyncWriter(target(number, 2 * number + 1));
        return pair;
    }

    /** The first pair is no part of the crowd. */
    private Target target(int pair, int number) {
        Presence presence = pair == 0 ? null : new Presence(crowd);
        return new Target(options, row, "bench/clients/" + pair, number, presence);
    }

    private void count(byte[] bytes) {
        messages.incrementAndGet();
    }

    /** A message from each writer, until all have come. Null: not all did. */
    private Duration exchange(List<Pair> pairs) throws Exception {
        long all = messages.get() + pairs.size();
        Meter meter = new Meter();
        for (Pair pair : pairs) {
            pair.writer.write(value, error -> {
                if (error != null) problems.add(error);
            });
        }
        return until(() -> messages.get() >= all) ? meter.elapsed() : null;
    }

    /** Returns when the broker accepts connections again. */
    private void restart() throws Exception {
        int status = new ProcessBuilder("sh", "-c", options.get("restart")).inheritIO().start().waitFor();
        if (status != 0) throw new IllegalStateException("the broker could not be started again");
    }

    /** False when it has not become true in all the time that there is. */
    private static boolean until(BooleanSupplier isTrue) throws InterruptedException {
        Meter meter = new Meter();
        while (!isTrue.getAsBoolean()) {
            if (meter.elapsed().compareTo(PATIENCE) > 0) return false;
            Thread.sleep(1);
        }
        return true;
    }

    private static <T> List<Future<T>> inParallel(List<Callable<T>> work) throws InterruptedException {
        ExecutorService threads = Executors.newFixedThreadPool(THREADS);
        try {
            return threads.invokeAll(work);
        } finally {
            threads.shutdown();
            threads.awaitTermination(PATIENCE.toMillis(), TimeUnit.MILLISECONDS);
        }
    }

    private void fail(String problem) {
        problems.add(new IllegalStateException(problem));
    }

    private static String seconds(Duration time) {
        return time == null ? "null" : Json.number(time.toNanos() / 1e9);
    }
}
