/** Where a client connects to, and what for. */
final class Target {
    final String host;
    final int port;
    /** The authority of a broker with TLS, a PEM file; null without TLS. */
    final String authority;
    /** Null when the broker asks for none. */
    final String user;
    final String password;
    final String topic;
    final int qos;
    /** Of a writer that keeps its messages on disk: the folder for them; or null. */
    final String directory;
    /** As of the row. */
    final String accept;
    final boolean isSynced;
    /** Of a client among many: its number. */
    final int number;
    /** Of a client among many, which comes back by itself after a lost connection, and tells here whether it has one; or null. */
    final Presence presence;

    Target(Options options, Row row, String topic) {
        this(options, row, topic, 0, null);
    }

    Target(Options options, Row row, String topic, int number, Presence presence) {
        String[] broker = options.get("broker").split(":");
        host = broker[0];
        port = Integer.parseInt(broker[1]);
        authority = options.find("ca");
        user = options.find("user");
        password = options.find("password");
        this.topic = topic;
        qos = row.qos;
        accept = row.accept;
        isSynced = row.isSynced;
        directory = accept == null ? null : options.get("directory");
        this.number = number;
        this.presence = presence;
    }

    /** A client identifier that no other client has. */
    String clientId() {
        return "bench-" + ProcessHandle.current().pid() + "-" + number;
    }
}
