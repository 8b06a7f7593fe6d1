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
import java.util.List;

import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A Mosquitto of its own for a test class, configured as the user guide says: a listener without login, one with
 * passwords, one with passwords and TLS.
 */
public final class Broker implements BeforeAllCallback, AfterAllCallback {
    private static final List<String> USERS = List.of("user01", "user02", "user03");
    private static final int ATTEMPTS = 5;
    private static final Duration START_LIMIT = Duration.ofSeconds(10);

    private Path directory;
    private Path log;
    private Process process;
    private int openPort;
    private int loginPort;
    private int tlsPort;

    /** The password of user01 to user03. */
    public static String password(String user) {
        return "Geheim-" + user;
    }

    /** Where nobody has to log in, as {@code brokers} takes it. */
    public String open() {
        return "127.0.0.1:" + openPort;
    }

    public int openPort() {
        return openPort;
    }

    public String login() {
        return "127.0.0.1:" + loginPort;
    }

    public String tls() {
        return "localhost:" + tlsPort;
    }

    @Override
    public void beforeAll(ExtensionContext context) throws IOException {
        directory = Processes.temporaryDirectory();
        log = directory.resolve("log");
        for (String user : USERS) {
            setPassword(user, password(user));
        }
        start();
    }

    @Override
    public void afterAll(ExtensionContext context) {
        stop();
    }

    /** Starts it, after {@link #stop} on other ports and without its memory. */
    public void start() throws IOException {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            if (tryStart()) {
                return;
            }
            stop();
        }
        throw new AssertionError("Mosquitto does not start: " + log());
    }

    /** False when a port was taken in the meantime. */
    private boolean tryStart() throws IOException {
        try (ServerSocket a = free(); ServerSocket b = free(); ServerSocket c = free()) {
            openPort = a.getLocalPort();
            loginPort = b.getLocalPort();
            tlsPort = c.getLocalPort();
        }
        Certificates certificates = Certificates.get();
        Path passwords = directory.resolve("passwords");
        Path configuration = directory.resolve("mosquitto.conf");
        Files.write(configuration, List.of(
                "per_listener_settings true",
                "user root", // counts only when root runs it: to be able to read the files
                "log_dest stderr",
                "log_type all",
                "persistence false",
                "max_queued_messages 0",
                "max_inflight_messages 1000",
                "listener " + openPort + " 127.0.0.1",
                "allow_anonymous true",
                "listener " + loginPort + " 127.0.0.1",
                "allow_anonymous false",
                "password_file " + passwords,
                "listener " + tlsPort + " 127.0.0.1",
                "allow_anonymous false",
                "password_file " + passwords,
                "cafile " + certificates.ca,
                "certfile " + certificates.server,
                "keyfile " + certificates.serverKey,
                "require_certificate false"));
        process = Processes.start(new ProcessBuilder(Processes.find("mosquitto"), "-c", configuration.toString())
                .redirectErrorStream(true).redirectOutput(log.toFile()));
        return Await.reached(START_LIMIT, () -> !process.isAlive() || listens(openPort) && listens(loginPort)
                && listens(tlsPort)) && process.isAlive();
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

    /** Ends the broker at once. */
    public void stop() {
        if (process != null) {
            process.destroyForcibly();
            Processes.ended(process, START_LIMIT.toSeconds());
        }
    }

    /** Sets a user's password in the file; it counts after {@link #reload}. */
    public void setPassword(String user, String password) throws IOException {
        Path passwords = directory.resolve("passwords");
        if (Files.notExists(passwords)) {
            Files.createFile(passwords);
        }
        Processes.run(List.of(Processes.find("mosquitto_passwd"), "-b", passwords.toString(), user, password));
    }

    /** Makes the broker read its password file again. Connections made afterwards meet the new state. */
    public void reload() throws IOException {
        String mark = "Reloading config";
        int before = occurrences(mark);
        Processes.run(List.of("sh", "-c", "kill -HUP " + process.pid()));
        Await.until("the broker reloads", () -> occurrences(mark) > before);
    }

    /** How many TCP connections were made to that listener, including those that find out whether it listens. */
    public int connections(String address) {
        return occurrences(" on port " + address.substring(address.lastIndexOf(':') + 1) + ".");
    }

    /** How often a text occurs in the broker's log. */
    public int occurrences(String text) {
        return (int) log().lines().filter(line -> line.contains(text)).count();
    }

    public String log() {
        try {
            return new String(Files.readAllBytes(log), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
