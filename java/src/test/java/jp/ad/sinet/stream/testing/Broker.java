package jp.ad.sinet.stream.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** A Mosquitto for a single test class, configured as in the user guide. */
public final class Broker implements BeforeAllCallback, AfterAllCallback {
    /** The listeners of the broker. */
    public enum Listener {
        /** Without a login. */
        OPEN,
        /** With passwords. */
        LOGIN,
        /** With passwords and TLS. */
        TLS,
        /** With TLS, where a certificate of {@link Certificates} is the login. */
        CERTIFICATE,
        /** Over WebSocket, without a login. */
        WEB_SOCKET,
        /** Over WebSocket, with passwords and TLS. */
        WEB_SOCKET_TLS,
        /** Over WebSocket, with TLS, where a certificate is the login. */
        WEB_SOCKET_CERTIFICATE,
        /**
         * With passwords. Below {@code test/} user01 may write, user02 may read, and user03 may do both; all else is
         * forbidden.
         */
        ACL
    }

    private static final List<String> USERS = List.of("user01", "user02", "user03");
    /** Mosquitto 2.1 and later limit the size of packets by default. */
    private static final boolean IS_FROM_2_1 = isFrom21();
    private static final int ATTEMPTS = 5;
    private static final Duration START_LIMIT = Duration.ofSeconds(10);

    private Path directory;
    private Path log;
    private Process process;
    /** Null: those of the authority that all tests share. */
    private Certificates renewed;
    private final Map<Listener, Integer> ports = new EnumMap<>(Listener.class);

    /** Makes a broker with three listeners: without login, with passwords, and with passwords and TLS. */
    public Broker() {
        this(Listener.OPEN, Listener.LOGIN, Listener.TLS);
    }

    public Broker(Listener... listeners) {
        for (Listener each : listeners) {
            ports.put(each, 0);
        }
    }

    /** Returns the password of user01, user02 or user03. */
    public static String password(String user) {
        return "Geheim-" + user;
    }

    /** Returns the address in the form of the parameter {@code brokers}. */
    public String address(Listener listener) {
        boolean tls = listener.name().endsWith("TLS") || listener.name().endsWith("CERTIFICATE");
        // the server's certificate has this name
        return (tls ? "localhost:" : "127.0.0.1:") + ports.get(listener);
    }

    public String open() {
        return address(Listener.OPEN);
    }

    public int openPort() {
        return ports.get(Listener.OPEN);
    }

    public int loginPort() {
        return ports.get(Listener.LOGIN);
    }

    public String login() {
        return address(Listener.LOGIN);
    }

    public String tls() {
        return address(Listener.TLS);
    }

    /** Returns the address of the listener where a certificate of {@link Certificates} is the login. */
    public String byCertificate() {
        return address(Listener.CERTIFICATE);
    }

    /** Returns the address over WebSocket without a login. */
    public String ws() {
        return address(Listener.WEB_SOCKET);
    }

    public int wsPort() {
        return ports.get(Listener.WEB_SOCKET);
    }

    /** Returns the address over WebSocket and TLS with passwords. */
    public String wss() {
        return address(Listener.WEB_SOCKET_TLS);
    }

    public String acl() {
        return address(Listener.ACL);
    }

    @Override
    public void beforeAll(ExtensionContext context) throws IOException {
        directory = Processes.temporaryDirectory();
        log = directory.resolve("log");
        for (String user : USERS) {
            setPassword(user, password(user));
        }
        setRights(List.of(
                "user user01", "topic write test/#",
                "user user02", "topic read test/#",
                "user user03", "topic readwrite test/#"));
        start();
    }

    @Override
    public void afterAll(ExtensionContext context) {
        stop();
    }

    /** Starts the broker; after {@link #stop} it has other ports and no memory of its state. */
    public void start() throws IOException {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            if (tryStart()) {
                return;
            }
            stop();
        }
        throw new AssertionError("Mosquitto does not start: " + log());
    }

    /** Starts the broker again with other certificates, on other ports and without its memory. */
    public void restart(Certificates certificates) throws IOException {
        stop();
        renewed = certificates;
        start();
    }

    /** Tries to start the broker. Returns false when another process has taken a port meanwhile. */
    private boolean tryStart() throws IOException {
        choosePorts();
        List<String> lines = new ArrayList<>(List.of(
                "per_listener_settings true",
                "user root", // takes effect only for root, so that Mosquitto can still read the files
                "log_dest stderr",
                "log_type all",
                "persistence false",
                "max_queued_messages 1000000", // 0 makes 2.0.11 close the connection of clients that may not publish
                "max_inflight_messages 1000"));
        if (IS_FROM_2_1) {
            lines.add("max_packet_size 268435455"); // by default it closes the connection of clients that send more than 2 MB
        }
        ports.forEach((listener, port) -> {
            lines.add("listener " + port + " 127.0.0.1");
            lines.addAll(settings(listener));
        });
        Path configuration = Files.write(directory.resolve("mosquitto.conf"), lines);
        process = Processes.start(new ProcessBuilder(Processes.find("mosquitto"), "-c", configuration.toString())
                .redirectErrorStream(true).redirectOutput(log.toFile()));
        return Await.reached(START_LIMIT, () -> !process.isAlive()
                || ports.values().stream().allMatch(Broker::listens)) && process.isAlive();
    }

    private static boolean isFrom21() {
        String text;
        try {
            Process help = Processes.start(new ProcessBuilder(Processes.find("mosquitto"), "-h").redirectErrorStream(true));
            text = new String(help.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        Matcher version = Pattern.compile("mosquitto version (\\d+)\\.(\\d+)").matcher(text);
        if (!version.find()) {
            throw new AssertionError("Mosquitto does not tell its version: " + text);
        }
        int major = Integer.parseInt(version.group(1));
        return major > 2 || major == 2 && Integer.parseInt(version.group(2)) >= 1;
    }

    private List<String> settings(Listener listener) {
        List<String> settings = new ArrayList<>();
        if (listener.name().startsWith("WEB_SOCKET")) {
            settings.add("protocol websockets");
        }
        switch (listener) {
            case OPEN:
            case WEB_SOCKET:
                settings.add("allow_anonymous true");
                return settings;
            case CERTIFICATE:
            case WEB_SOCKET_CERTIFICATE:
                settings.addAll(tls(true));
                settings.addAll(List.of("allow_anonymous false", "use_identity_as_username true"));
                return settings;
            case TLS:
            case WEB_SOCKET_TLS:
                settings.addAll(tls(false));
                break;
            case ACL:
                settings.add("acl_file " + directory.resolve("acl"));
                break;
            default:
                break;
        }
        settings.addAll(List.of("allow_anonymous false", "password_file " + directory.resolve("passwords")));
        return settings;
    }

    private List<String> tls(boolean requireCertificate) {
        Certificates certificates = renewed == null ? Certificates.get() : renewed;
        return List.of("cafile " + certificates.ca, "certfile " + certificates.server,
                "keyfile " + certificates.serverKey, "require_certificate " + requireCertificate);
    }

    private void choosePorts() throws IOException {
        List<ServerSocket> sockets = new ArrayList<>();
        try {
            for (Listener each : ports.keySet()) {
                ServerSocket socket = free(); // held until all ports are chosen, so that they differ
                sockets.add(socket);
                ports.put(each, socket.getLocalPort());
            }
        } finally {
            for (ServerSocket each : sockets) {
                each.close();
            }
        }
    }

    private static ServerSocket free() throws IOException {
        return new ServerSocket(0, 1, InetAddress.getByName("127.0.0.1"));
    }

    private static boolean listens(int port) {
        try (Socket socket = new Socket("127.0.0.1", port)) {
            return socket.isConnected();
        } catch (IOException e) {
            return false;
        }
    }

    /** Kills the broker. */
    public void stop() {
        if (process != null) {
            process.destroyForcibly();
            Processes.ended(process, START_LIMIT.toSeconds());
        }
    }

    /** Sets a user's password in the file; it takes effect after {@link #reload}. */
    public void setPassword(String user, String password) throws IOException {
        Path passwords = directory.resolve("passwords");
        if (Files.notExists(passwords)) {
            Files.createFile(passwords);
        }
        Processes.run(List.of(Processes.find("mosquitto_passwd"), "-b", passwords.toString(), user, password));
    }

    /** Sets the lines of the ACL file; they take effect after {@link #reload}, also for open connections. */
    public void setRights(List<String> lines) throws IOException {
        Files.write(directory.resolve("acl"), lines);
    }

    public List<String> rights() throws IOException {
        return Files.readAllLines(directory.resolve("acl"));
    }

    /** Makes the broker read its files again. It does so before it accepts later connections. */
    public void reload() throws IOException {
        String mark = "Reloading config";
        int before = occurrences(mark);
        Processes.run(List.of("sh", "-c", "kill -HUP " + process.pid()));
        Await.until("the broker reloads", () -> occurrences(mark) > before);
    }

    /** Returns how many TCP connections were made to the listener, including those that check whether it listens. */
    public int connections(String address) {
        return occurrences(" on port " + address.substring(address.lastIndexOf(':') + 1) + ".");
    }

    /** Returns how often a text occurs in the broker's log. */
    public int occurrences(String text) {
        return (int) log().lines().filter(line -> line.contains(text)).count();
    }

    /**
     * Returns the log since the last start. Protocol versions are shown as before Mosquitto 2.1, which shows the level that
     * is sent: p1 is now p3, and p2 is p4.
     */
    public String log() {
        try {
            return new String(Files.readAllBytes(log), StandardCharsets.UTF_8)
                    .replace(" (p3, ", " (p1, ").replace(" (p4, ", " (p2, ");
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
