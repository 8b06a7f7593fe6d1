package jp.ad.sinet.stream.testing;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.Security;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import jp.ad.sinet.stream.api.AsyncMessageReader;
import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.InvalidMessageException;
import jp.ad.sinet.stream.api.MessageIO;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.Metrics;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.valuetype.ImageDeserializer;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.utils.KeyStoreUtil;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** The programs that {@link ChildJvm} runs: main returns, or ends in another way, while work is in progress. */
public final class Child {
    private static final String TOPIC = "child";
    private static MessageIO kept;

    private Child() {
    }

    public static void main(String[] arguments) throws Exception {
        String broker = arguments.length > 1 ? arguments[1] : null;
        switch (arguments[0]) {
            case "exchange":
                exchange(broker);
                break;
            case "exchange-by-callback":
                exchangeByCallback(broker);
                break;
            case "open-writer":
                MessageWriter<String> open = writer(broker);
                kept = open;
                open.write("x");
                break;
            case "open-async":
                asynchronous(broker);
                break;
            case "blocked-read":
                MessageReader<String> reader = reader(broker);
                kept = reader;
                Background.call(reader::read).awaitParked();
                break;
            case "blocked-write":
                MessageWriter<String> blocked = writer(broker);
                kept = blocked;
                Background.run(() -> blocked.write("x")).awaitParked();
                break;
            case "connecting":
                Background.call(() -> writer(broker)).awaitParked();
                break;
            case "closing":
                MessageWriter<String> unconfirmed = writer(broker);
                Background.run(() -> unconfirmed.write("x")).awaitParked();
                Background.run(unconfirmed::close).awaitParked();
                break;
            case "lost-connection":
                lostConnection();
                break;
            case "exit-during-write":
                MessageWriter<String> writing = writer(broker);
                Background<Void> write = Background.run(() -> writing.write("x")).awaitParked();
                Thread exiting = new Thread(() -> System.exit(3));
                exiting.start();
                write.thread().join();
                break;
            case "killed":
                killed(arguments[1]);
                break;
            case "uncaught":
                kept = writer(broker);
                throw new IllegalStateException("on purpose");
            case "two-loaders":
                twoLoaders(broker);
                break;
            case "small-heap":
                smallHeap(broker, Path.of(arguments[2]));
                break;
            case "large-image":
                try {
                    System.out.println(new ImageDeserializer().deserialize(Files.readAllBytes(Path.of(arguments[1]))));
                } catch (OutOfMemoryError | InvalidMessageException e) {
                    System.out.println(e.getClass().getSimpleName() + ": " + e.getMessage());
                }
                break;
            case "stopped-application":
                Application.stopped(Application.Failing.services(Path.of(arguments[1])));
                break;
            case "redeployed":
                Application.redeployed(broker);
                break;
            case "no-threads":
                NoThreads.live(broker);
                break;
            case "key-stores":
                Map<String, String> stores = KeyStoreUtil.setupKeyStore(
                        Map.of("ca_certs", arguments[1], "certfile", arguments[2], "keyfile", arguments[3]));
                for (String name : List.of("trustStore", "keyStore")) {
                    Path store = Path.of(stores.get(name));
                    System.out.println(store + " " + Files.isRegularFile(store));
                }
                break;
            case "jni-calls":
                JniCalls.make(broker, arguments[2], arguments[3], Path.of(arguments[4]), Path.of(arguments[5]));
                break;
            case "load":
                load();
                break;
            case "config":
                config();
                break;
            case "service":
                service(arguments);
                break;
            case "interrupted-opening":
                interruptedOpening(Path.of(arguments[1]));
                break;
            case "listed-files":
                listedFiles(Path.of(arguments[1]));
                break;
            case "tls":
                try (MessageWriter<String> tls = MessageWriterFactory.<String>builder().noConfig(true).type("mqtt")
                        .topic(TOPIC).parameter("brokers", broker).parameter("tls", true)
                        .parameter("username_pw", Map.of("username", "user01", "password", Broker.password("user01")))
                        .build().getWriter()) {
                    System.out.println("connected, " + tls.getMetrics().getErrorCountTotal() + " errors");
                }
                break;
            case "outbox":
                OutboxLife.live(arguments);
                break;
            case "left-at-work":
                LeftAtWork.begin(arguments[2], broker);
                break;
            default:
                throw new IllegalArgumentException(arguments[0]);
        }
        System.out.println("main returns");
    }

    private static MessageWriter<String> writer(String broker) {
        return Clients.textWriter(broker, TOPIC).consistency(Consistency.AT_LEAST_ONCE).build().getWriter();
    }

    private static MessageReader<String> reader(String broker) {
        return Clients.textReader(broker, TOPIC).build().getReader();
    }

    static void exchange(String broker) {
        String topic = TOPIC + System.nanoTime();
        try (MessageReader<String> reader = Clients.textReader(broker, topic).build().getReader();
                MessageWriter<String> writer = Clients.textWriter(broker, topic).build().getWriter()) {
            writer.write("hello");
            System.out.println(reader.read().getValue());
        }
    }

    private static void exchangeByCallback(String broker) {
        String topic = TOPIC + System.nanoTime();
        CompletableFuture<String> received = new CompletableFuture<>();
        try (AsyncMessageReader<String> reader = Clients.textReader(broker, topic).build().getAsyncReader();
                MessageWriter<String> writer = Clients.textWriter(broker, topic).build().getWriter()) {
            reader.addOnMessageCallback(message -> received.complete(message.getValue()), received::completeExceptionally);
            writer.write("hello");
            System.out.println(received.join());
        }
    }

    /** Reads messages whose encodings are in files, and prints their sizes or why they cannot be read. */
    private static void smallHeap(String broker, Path wires) throws IOException {
        try (MessageReader<byte[]> reader = Clients.<byte[]>reader(broker, TOPIC, SimpleValueType.BYTE_ARRAY)
                .consistency(Consistency.AT_LEAST_ONCE).parameter("data_compression", true)
                .parameter("compression", Map.of("algorithm", "zstd")).build().getReader();
                MessageWriter<byte[]> writer = Clients.<byte[]>writer(broker, TOPIC, SimpleValueType.BYTE_ARRAY)
                        .consistency(Consistency.AT_LEAST_ONCE).parameter("user_data_only", true).build().getWriter()) {
            int count = 0;
            for (Path wire = wires.resolve("0"); Files.exists(wire); wire = wires.resolve(String.valueOf(count))) {
                writer.write(Files.readAllBytes(wire));
                count++;
            }
            for (int i = 0; i < count; i++) {
                try {
                    System.out.println(reader.read().getValue().length);
                } catch (OutOfMemoryError e) {
                    System.out.println(e.getMessage());
                }
            }
            Metrics metrics = reader.getMetrics();
            System.out.println(metrics.getMsgCountTotal() + " messages, " + metrics.getErrorCountTotal() + " errors, "
                    + reader.getInfo("connection.inbox_messages") + " left");
        }
    }

    private static void asynchronous(String broker) {
        AsyncMessageWriter<String> writer = Clients.textWriter(broker, "child/async").build().getAsyncWriter();
        AsyncMessageReader<String> reader = Clients.textReader(broker, "child/async").build().getAsyncReader();
        reader.addOnMessageCallback(message -> { });
        kept = writer;
        writer.writeAsync("x").join();
        reader.clearOnMessageCallback(); // a reader with callbacks keeps the JVM running
    }

    private static void lostConnection() {
        try (ScriptedBroker broker = ScriptedBroker.neverAcknowledging()) {
            Supplier<MessageWriter<String>> open = () -> Clients.textWriter(broker.address(), TOPIC)
                    .consistency(Consistency.AT_LEAST_ONCE)
                    .parameter("connect", Map.of("automatic_reconnect", false)).build().getWriter();
            MessageWriter<String> writer = open.get();
            kept = writer;
            Background<Void> write = Background.run(() -> writer.write("x")).awaitParked();
            broker.closeConnections();
            System.out.println(write.failure(Clients.RECEIVE_LIMIT).getClass().getSimpleName());
        }
    }

    /** Two applications in one JVM, each with its own copy of the classes. */
    private static void twoLoaders(String broker) throws Exception {
        for (int i = 0; i < 2; i++) {
            try (Application.Loader loader = new Application.Loader()) {
                loader.call("exchange", broker);
            }
        }
        exchange(broker);
    }

    /** Prints where the library came from, or why it was not loaded. */
    private static void load() {
        Logger logger = Logger.getLogger("jp.ad.sinet.stream");
        logger.setLevel(Level.FINE);
        logger.addHandler(new Handler() {
            @Override
            public void publish(LogRecord each) {
                System.out.println(each.getMessage());
            }

            @Override
            public void flush() {
                // nothing is buffered
            }

            @Override
            public void close() {
                // nothing is open
            }
        });
        for (int i = 0; i < 2; i++) {
            try {
                // The library is loaded before the options are checked.
                MessageWriterFactory.builder().noConfig(true).build().getWriter();
            } catch (SinetStreamException e) {
                System.out.println(e.getClass().getSimpleName() + ": " + e.getMessage());
            }
        }
    }

    /** Opens the service of a configuration file; then the test kills the process. */
    private static void killed(String file) throws IOException, InterruptedException {
        kept = MessageWriterFactory.<byte[]>builder().configFile(Path.of(file)).build().getWriter();
        new ProcessBuilder("sh", "-c", "kill -KILL " + ProcessHandle.current().pid()).start().waitFor();
        Thread.currentThread().join(); // never returns
    }

    /** Prints which configuration file was found, by the topic in it; its broker does not exist. */
    private static void config() {
        told(() -> MessageWriterFactory.builder().build().getWriter());
        told(() -> MessageReaderFactory.builder().build().getReader());
    }

    private static void told(Supplier<MessageIO> open) {
        try {
            open.get().close();
        } catch (SinetStreamException e) {
            System.out.println(e.getClass().getSimpleName() + ": " + e.getMessage());
        }
    }

    /**
     * Exchanges a message over the service of a configuration file. Before and after that it lists the token of the JVM's own
     * PKCS #11 provider, if the provider's configuration and a file with the PIN are given.
     */
    private static void service(String... arguments) throws IOException, GeneralSecurityException {
        Path file = Path.of(arguments[1]);
        KeyStore token = null;
        if (arguments.length > 2) {
            token = KeyStore.getInstance("PKCS11", Security.getProvider("SunPKCS11").configure(arguments[2]));
            token.load(null, Files.readString(Path.of(arguments[3])).toCharArray());
            System.out.println(Collections.list(token.aliases()));
        }
        try (MessageReader<String> reader = MessageReaderFactory.<String>builder().configFile(file)
                .valueType(SimpleValueType.TEXT).receiveTimeout(Clients.RECEIVE_LIMIT).build().getReader();
                MessageWriter<String> writer = MessageWriterFactory.<String>builder().configFile(file)
                        .valueType(SimpleValueType.TEXT).consistency(Consistency.AT_LEAST_ONCE).build().getWriter()) {
            writer.write("hello");
            System.out.println(reader.read().getValue());
        } catch (SinetStreamException e) {
            System.out.println(e.getClass().getSimpleName() + ": " + e.getMessage());
        }
        if (token != null) {
            token.load(null, null);
            System.out.println(Collections.list(token.aliases()));
        }
    }

    /** Prints the result of a writer whose opening is interrupted. */
    private static void interruptedOpening(Path file) {
        Background<MessageWriter<String>> opening = Background.call(() -> MessageWriterFactory.<String>builder()
                .configFile(file).valueType(SimpleValueType.TEXT).build().getWriter());
        opening.awaitParked().thread().interrupt();
        Throwable failure = opening.failure(Clients.RECEIVE_LIMIT);
        System.out.println(failure.getClass().getSimpleName() + ": " + failure.getMessage());
    }

    /** Prints the results for the files of a subdirectory, whose paths come from a listing instead of strings. */
    private static void listedFiles(Path directory) throws IOException {
        List<Path> files;
        try (Stream<Path> all = Files.walk(directory)) {
            files = all.filter(Files::isRegularFile).sorted().collect(Collectors.toList());
        }
        for (Path file : files) {
            String name = file.getFileName().toString();
            if (name.equals("config.yml")) {
                told(() -> MessageWriterFactory.builder().configFile(file).build().getWriter());
            } else {
                told(() -> Clients.textWriter("127.0.0.1:1", TOPIC).parameter("tls", Map.of(name, file)).build().getWriter());
            }
        }
    }
}
