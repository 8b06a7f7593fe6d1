import java.time.Duration;

/** What a measurement gives, and its line of JSON. ../tools/src/measured.rs prints the same. */
final class Measured {
    /** Messages that were confirmed; at QoS 0 those that arrived. */
    long messages;
    Duration elapsed;
    Duration cpu;
    /** Messages of QoS 0 that did not arrive. */
    long lost;
    Latencies latencies = new Latencies();

    String json(String client, String row, Problems problems) {
        latencies.sort();
        double seconds = Math.max(elapsed.toNanos(), 1) / 1e9;
        return "{\"row\":" + Json.quoted(row)
                + ",\"client\":" + Json.quoted(client)
                + ",\"messages\":" + messages
                + ",\"per_second\":" + Json.number(messages / seconds)
                + ",\"cpu_us\":" + Json.number(cpu.toNanos() / 1000.0 / Math.max(messages, 1))
                + ",\"peak_kib\":" + Meter.peakKib()
                + ",\"p50_us\":" + percentile(0.5)
                + ",\"p99_us\":" + percentile(0.99)
                + ",\"lost\":" + lost
                + ",\"errors\":" + problems.count()
                + ",\"first_error\":" + Json.quoted(problems.first()) + "}";
    }

    private String percentile(double share) {
        return latencies.isEmpty() ? "null" : Json.number(latencies.percentile(share));
    }
}
