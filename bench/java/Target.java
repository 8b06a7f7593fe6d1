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

    Target(Options options, Row row, String topic) {
        String[] broker = options.get("broker").split(":");
        host = broker[0];
        port = Integer.parseInt(broker[1]);
        authority = options.find("ca");
        user = options.find("user");
        password = options.find("password");
        this.topic = topic;
        qos = row.qos;
    }

    /** A client identifier that only this process has. */
    String clientId() {
        return "bench-" + ProcessHandle.current().pid();
    }
}
