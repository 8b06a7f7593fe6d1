package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Certificates;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Processes;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** Messages to and from SINETStream for Python, with each combination of parameters: {@code make interop}. */
@Timeout(120)
@ExtendWith(NoLeaks.class)
@EnabledIfEnvironmentVariable(named = "SINETSTREAM_TEST_PYTHON", matches = ".+")
class InteropTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    @TempDir
    static Path directory;

    private static final Map<String, String> SERVICES = new LinkedHashMap<>();
    private static Path config;
    private static Process python;

    @BeforeAll
    static void startPython() throws IOException {
        config = directory.resolve("config.yml");
        python = Processes.start(new ProcessBuilder(System.getenv("SINETSTREAM_TEST_PYTHON"),
                "tests/interop/peer.py", BROKER.tls(), Certificates.get().ca.toString(), "user01",
                Broker.password("user01"), config.toString()).redirectError(ProcessBuilder.Redirect.INHERIT));
        BufferedReader said = new BufferedReader(new InputStreamReader(python.getInputStream(), StandardCharsets.UTF_8));
        for (String line = said.readLine(); !"ready".equals(line); line = said.readLine()) {
            assertNotNull(line, "Python has ended");
            String[] words = line.split(" ");
            assertEquals("service", words[0], line);
            SERVICES.put(words[1], words[2]);
        }
    }

    @AfterAll
    static void stopPython() {
        python.destroyForcibly();
    }

    static List<String> services() {
        assertTrue(SERVICES.size() > 60, SERVICES::toString);
        return new ArrayList<>(SERVICES.keySet());
    }

    private static String reversed(String text) {
        return new StringBuilder(text).reverse().toString();
    }

    private static byte[] bytes(int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = (byte) (i * 7);
        }
        return bytes;
    }

    private static byte[] reversed(byte[] value) {
        byte[] reversed = value.clone();
        for (int i = 0; i < value.length; i++) {
            reversed[i] = value[value.length - 1 - i];
        }
        return reversed;
    }

    private static void same(Object expected, Object found) {
        if (expected instanceof byte[]) {
            assertTrue(Arrays.equals((byte[]) expected, (byte[]) found));
        } else {
            assertEquals(expected, found);
        }
    }

    @ParameterizedTest
    @MethodSource("services")
    void pythonUnderstandsAndIsUnderstood(String service) throws Exception {
        Map<Object, Object> values = new LinkedHashMap<>();
        if (SERVICES.get(service).equals("text")) {
            for (String text : List.of("", "a", "日本語のメッセージ", "line\n".repeat(4000))) {
                values.put(text, reversed(text));
            }
        } else {
            for (int length : new int[] {0, 1, 16, 100_000}) {
                values.put(bytes(length), reversed(bytes(length)));
            }
        }
        blocking(service, values);
        asynchronous(service, values);
    }

    private static MessageWriterFactory<Object> writer(String service) {
        return MessageWriterFactory.builder().configFile(config).service(service).topic(service + "/there").build();
    }

    private static MessageReaderFactory<Object> reader(String service) {
        return MessageReaderFactory.builder().configFile(config).service(service).topic(service + "/back")
                .receiveTimeout(Clients.RECEIVE_LIMIT).build();
    }

    private static void blocking(String service, Map<Object, Object> values) {
        try (MessageReader<Object> reader = reader(service).getReader();
                MessageWriter<Object> writer = writer(service).getWriter()) {
            long time = service.equals("values-alone") ? 0 : 1_700_000_000_123_456L;
            for (Map.Entry<Object, Object> value : values.entrySet()) {
                writer.write(value.getKey(), time);
                Message<Object> message = reader.read();
                assertNotNull(message, "no answer");
                same(value.getValue(), message.getValue());
                assertEquals(time, message.getTimestampMicroseconds(), 2);
            }
        }
    }

    private static void asynchronous(String service, Map<Object, Object> values) throws InterruptedException {
        BlockingQueue<Object> answers = new LinkedBlockingQueue<>();
        try (AsyncMessageReader<Object> reader = reader(service).getAsyncReader();
                AsyncMessageWriter<Object> writer = writer(service).getAsyncWriter()) {
            reader.addOnMessageCallback(message -> answers.add(message.getValue()), answers::add);
            values.keySet().forEach(writer::write);
            for (Object value : values.values()) {
                Object answer = answers.poll(Clients.RECEIVE_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
                assertNotNull(answer, "no answer");
                same(value, answer);
            }
        }
    }
}
