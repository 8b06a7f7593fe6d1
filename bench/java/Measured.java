import java.time.Duration;
import java.util.Locale;

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
        return "{\"row\":" + quoted(row)
                + ",\"client\":" + quoted(client)
                + ",\"messages\":" + messages
                + ",\"per_second\":" + number(messages / seconds)
                + ",\"cpu_us\":" + number(cpu.toNanos() / 1000.0 / Math.max(messages, 1))
                + ",\"peak_kib\":" + Meter.peakKib()
                + ",\"p50_us\":" + percentile(0.5)
                + ",\"p99_us\":" + percentile(0.99)
                + ",\"lost\":" + lost
                + ",\"errors\":" + problems.count()
                + ",\"first_error\":" + quoted(problems.first()) + "}";
    }

    private String percentile(double share) {
        return latencies.isEmpty() ? "null" : number(latencies.percentile(share));
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, "%.3f", value);
    }

    private static String quoted(String text) {
        if (text == null) return "null";
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') quoted.append('\\').append(c);
            else if (c < ' ') quoted.append(String.format("\\u%04x", (int) c));
            else quoted.append(c);
        }
        return quoted.append('"').toString();
    }
}
