import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What is measured, from its name: {@code BROKER/KIND/qQOS/SIZE[/wWINDOW|/tTHREADS]}, where the kinds of writes may be
 * {@code outbox-KIND/ACCEPT}, or {@code clients/N/BROKER/qQOS/SIZE}.
 */
final class Row {
    private static final Pattern NAME = Pattern.compile(
            "(?<broker>[a-z]+)/((?<kind>write|blocking-write|read|blocking-read)"
                    + "|outbox-(?<kept>write|blocking-write)/(?<accept>disk|broker)(?<unsynced>-unsynced)?)/q(?<qos>[0-2])/(?<size>[0-9]+)"
                    + "(/w(?<window>[0-9]+)|/t(?<threads>[0-9]+))?");

    private static final Pattern CLIENTS = Pattern.compile(
            "(?<kind>clients)/(?<clients>[0-9]*[02468])/(?<broker>[a-z]+)/q(?<qos>[0-2])/(?<size>[0-9]+)");

    final String name;
    final String broker;
    final String kind;
    final int qos;
    /** Bytes of a value. */
    final int size;
    /** Of writes that are kept on disk: who has to have a message, so that it counts, "disk" or "broker"; or null. */
    final String accept;
    /** Of writes that are kept on disk: the device has to have a message, not only the operating system. */
    final boolean isSynced;
    /** Unconfirmed asynchronous writes. */
    final int window;
    /** Threads that write. */
    final int threads;
    /** Clients in this process, half of them writers and half readers. */
    final int clients;

    Row(String name) {
        boolean many = name.startsWith("clients/");
        Matcher parts = (many ? CLIENTS : NAME).matcher(name);
        if (!parts.matches()) throw new IllegalArgumentException(name + " is not a row");
        this.name = name;
        broker = parts.group("broker");
        accept = many ? null : parts.group("accept");
        isSynced = accept != null && parts.group("unsynced") == null;
        kind = parts.group(accept == null ? "kind" : "kept");
        qos = Integer.parseInt(parts.group("qos"));
        size = Integer.parseInt(parts.group("size"));
        window = number(many ? null : parts.group("window"));
        threads = number(many ? null : parts.group("threads"));
        clients = number(many ? parts.group("clients") : null);
    }

    /** Where a writer writes. Mosquitto's counting subscriber takes QoS 0 only, so it costs the other rows nothing. */
    String writeTopic() {
        return "bench/" + qos;
    }

    /** Where a reader reads: what the feeder writes, or a topic that makes the sink flood. */
    String readTopic() {
        return broker.equals("sink") ? "flood/" + qos + "/" + size : "bench/read";
    }

    private static int number(String text) {
        return text == null ? 1 : Integer.parseInt(text);
    }
}
