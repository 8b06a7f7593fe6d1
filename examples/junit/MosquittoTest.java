import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** An example of a test in your own project. It runs a Mosquitto as long as the test. */
class MosquittoTest {
    @TempDir
    static Path folder;

    private static Process mosquitto;
    private static Path config;

    @BeforeAll
    static void start() throws Exception {
        int port;
        try (ServerSocket free = new ServerSocket(0)) {
            port = free.getLocalPort();
        }
        Path file = Files.writeString(folder.resolve("mosquitto.conf"),
                "listener " + port + " 127.0.0.1\nallow_anonymous true\n");
        // Debian installs Mosquitto in /usr/sbin, which may be missing in PATH.
        mosquitto = new ProcessBuilder("sh", "-c", "PATH=$PATH:/usr/local/sbin:/usr/sbin exec mosquitto -c \"$0\"",
                file.toString()).redirectErrorStream(true).redirectOutput(folder.resolve("mosquitto.log").toFile()).start();
        for (int attempt = 0; !listens(port); attempt++) {
            assertTrue(attempt < 100 && mosquitto.isAlive(), "Mosquitto does not start");
            Thread.sleep(50);
        }
        config = Files.writeString(folder.resolve("config.yml"), "temperature:\n  type: mqtt\n  brokers: 127.0.0.1:" + port
                + "\n  topic: temperature\n  consistency: AT_LEAST_ONCE\n  value_type: text\n");
    }

    private static boolean listens(int port) {
        try (Socket socket = new Socket("127.0.0.1", port)) {
            return socket.isConnected();
        } catch (IOException e) {
            return false;
        }
    }

    @AfterAll
    static void stop() throws InterruptedException {
        mosquitto.destroy();
        assertTrue(mosquitto.waitFor(10, TimeUnit.SECONDS));
    }

    @Test
    void aTemperatureArrives() {
        try (MessageReader<String> reader = MessageReaderFactory.<String>builder().configFile(config)
                .receiveTimeout(Duration.ofSeconds(10)).build().getReader();
                MessageWriter<String> writer = MessageWriterFactory.<String>builder().configFile(config).build()
                        .getWriter()) {
            writer.write("21.5");
            Message<String> message = reader.read();
            assertNotNull(message, "nothing came");
            assertEquals("21.5", message.getValue());
        }
    }
}
