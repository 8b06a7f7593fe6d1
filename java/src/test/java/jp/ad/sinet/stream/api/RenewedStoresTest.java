package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.Security;
import java.time.Duration;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Predicate;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Background;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Certificates;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.CountedStores;
import jp.ad.sinet.stream.testing.LogCapture;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Proxy;
import jp.ad.sinet.stream.utils.MessageReaderFactory.MessageReaderFactoryBuilder;
import jp.ad.sinet.stream.utils.MessageWriterFactory.MessageWriterFactoryBuilder;

/** Key stores that are renewed on disk while a client lives. */
@Timeout(120)
@ExtendWith(NoLeaks.class)
class RenewedStoresTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final String PASSWORD = "Geheim-store";
    private static final String OTHER_PASSWORD = "Geheim-other";
    private static final Map<String, Object> QUICKLY = Map.of("min_delay", 0.02, "max_delay", 0.1);
    private static final CountedStores COUNTED = new CountedStores();

    @RegisterExtension
    final LogCapture log = new LogCapture();

    @TempDir
    Path directory;

    private final Certificates before = Certificates.get();
    private final Certificates after = Certificates.others();
    private final Broker broker = new Broker(Broker.Listener.CERTIFICATE);
    private final String topic = Clients.topic();
    private final BlockingQueue<ConnectionEvent> events = new LinkedBlockingQueue<>();
    private Proxy proxy;

    @BeforeEach
    void start() throws IOException, GeneralSecurityException {
        Security.addProvider(COUNTED);
        broker.beforeAll(null);
        proxy = new Proxy(port());
        trust(before);
        show(before);
    }

    @AfterEach
    void end() throws IOException {
        proxy.close();
        broker.stop();
        Security.removeProvider(COUNTED.getName());
    }

    private int port() {
        String address = broker.byCertificate();
        return Integer.parseInt(address.substring(address.lastIndexOf(':') + 1));
    }

    private void restart(Certificates certificates) throws IOException {
        broker.restart(certificates);
        proxy.target(port());
    }

    private void trust(Certificates certificates) throws IOException, GeneralSecurityException {
        replace("trust.p12", certificates.trustStore("PKCS12", PASSWORD));
    }

    private void show(Certificates certificates) throws IOException, GeneralSecurityException {
        replace("keys.p12", certificates.keyStore("PKCS12", PASSWORD, "client"));
    }

    private void replace(String name, byte[] content) throws IOException {
        Path under = Files.write(directory.resolve("new"), content);
        Files.setPosixFilePermissions(under, PosixFilePermissions.fromString("rw-------"));
        Files.move(under, directory.resolve(name), StandardCopyOption.ATOMIC_MOVE);
    }

    private Map<String, Object> tls() {
        Map<String, Object> tls = new LinkedHashMap<>();
        tls.put("trustStore", directory.resolve("trust.p12").toString());
        tls.put("trustStoreType", CountedStores.TYPE);
        tls.put("trustStorePassword", PASSWORD);
        tls.put("keyStore", directory.resolve("keys.p12").toString());
        tls.put("keyStoreType", CountedStores.TYPE);
        tls.put("keyStorePassword", PASSWORD);
        return tls;
    }

    private MessageWriterFactoryBuilder<String> writer() {
        return Clients.textWriter(proxy.address(), topic).consistency(Consistency.AT_LEAST_ONCE)
                .parameter("tls", tls()).parameter("reconnect_delay", QUICKLY).connectionListener(events::add);
    }

    private MessageReaderFactoryBuilder<String> reader() {
        return Clients.textReader(proxy.address(), topic).consistency(Consistency.AT_LEAST_ONCE)
                .parameter("tls", tls()).parameter("reconnect_delay", QUICKLY);
    }

    private ConnectionEvent await(ConnectionEvent.Type type) throws InterruptedException {
        return await(event -> event.getType() == type);
    }

    private ConnectionEvent await(Predicate<ConnectionEvent> wanted) throws InterruptedException {
        return Await.next(LIMIT, events, wanted);
    }

    /** An attempt to come back has failed with all of these words. */
    private String awaitObstacle(String... words) throws InterruptedException {
        return await(event -> event.getType() == ConnectionEvent.Type.RETRYING
                && Arrays.stream(words).allMatch(event.getCause().getMessage()::contains)).getCause().getMessage();
    }

    @Test
    void readersAndWritersComeBackToABrokerOfAnotherAuthority() throws Exception {
        try (MessageReader<String> reader = reader().build().getReader();
                MessageWriter<String> writer = writer().build().getWriter()) {
            await(ConnectionEvent.Type.CONNECTED);
            writer.write("before");
            assertEquals("before", reader.read().getValue());
            broker.stop();
            trust(after);
            show(after);
            restart(after);
            await(ConnectionEvent.Type.CONNECTED);
            Await.until(LIMIT, "the reader is back", reader::isConnected);
            reader.ping(LIMIT); // and has subscribed
            writer.write("after");
            assertEquals("after", reader.read().getValue());
            assertTrue(broker.log().contains("u'client-by-certificate'"), "the new certificate is the login");
            // The authority of before is not trusted any longer.
            restart(before);
            awaitObstacle("TLS", "authority");
        }
    }

    @Test
    void aStoreThatCannotBeOpenedIsToldAndTriedAgain() throws Exception {
        byte[] trust = after.trustStore("PKCS12", PASSWORD);
        byte[] keys = after.keyStore("PKCS12", PASSWORD, "client");
        String trustFile = directory.resolve("trust.p12").toString();
        String keyFile = directory.resolve("keys.p12").toString();
        try (MessageWriter<String> writer = writer().build().getWriter()) {
            await(ConnectionEvent.Type.CONNECTED);
            broker.stop();
            replace("trust.p12", Arrays.copyOf(trust, trust.length / 2));
            restart(after);
            awaitObstacle("tls.trustStore", trustFile, "damaged");
            replace("trust.p12", after.trustStore("PKCS12", OTHER_PASSWORD));
            awaitObstacle("tls.trustStorePassword", trustFile, "does not open");
            replace("trust.p12", trust);
            replace("keys.p12", Arrays.copyOf(keys, keys.length / 2));
            awaitObstacle("tls.keyStore", keyFile, "damaged");
            replace("keys.p12", after.keyStore("PKCS12", OTHER_PASSWORD, "client"));
            awaitObstacle("tls.keyStorePassword", keyFile, "does not open");
            replace("keys.p12", keys);
            await(ConnectionEvent.Type.CONNECTED);
            writer.write("after");
        }
        for (String file : new String[] {trustFile, keyFile}) {
            assertTrue(log.warnings().stream().anyMatch(line -> line.contains(file)), () -> log.warnings().toString());
        }
        assertFalse(log.warnings().toString().contains("Geheim"), () -> log.warnings().toString());
    }

    @Test
    void whatIsUnchangedIsNotOpenedAgain() throws Exception {
        int opened = CountedStores.opened();
        try (MessageWriter<String> writer = writer().build().getWriter()) {
            await(ConnectionEvent.Type.CONNECTED);
            assertEquals(opened + 2, CountedStores.opened());
            assertTrue(proxy.cut());
            await(ConnectionEvent.Type.CONNECTED);
            assertEquals(opened + 2, CountedStores.opened());
            show(before); // with other salts
            assertTrue(proxy.cut());
            await(ConnectionEvent.Type.CONNECTED);
            assertEquals(opened + 3, CountedStores.opened());
            writer.write("x");
        }
    }

    @Test
    void aStoreWhoseOpeningTakesTooLongIsToldAndHoldsOneThread() throws Exception {
        CountDownLatch released = new CountDownLatch(1);
        try (MessageWriter<String> writer = writer().parameter("connect", Map.of("connection_timeout", 5)).build()
                .getWriter()) {
            await(ConnectionEvent.Type.CONNECTED);
            int opened = CountedStores.opened();
            CountedStores.hold(released);
            show(before);
            assertTrue(proxy.cut());
            awaitObstacle("key stores of 'tls' could not be read again within 5s");
            awaitObstacle("key stores of 'tls' could not be read again within 5s");
            assertEquals(opened + 1, CountedStores.opened());
            released.countDown();
            await(ConnectionEvent.Type.CONNECTED);
            writer.write("x");
        } finally {
            released.countDown();
        }
    }

    @Test
    void aStoreThatIsGoneHasBeenRead() throws Exception {
        try (MessageWriter<String> writer = writer().build().getWriter()) {
            await(ConnectionEvent.Type.CONNECTED);
            Files.delete(directory.resolve("trust.p12"));
            Files.delete(directory.resolve("keys.p12"));
            assertTrue(proxy.cut());
            await(ConnectionEvent.Type.CONNECTED);
            writer.write("x");
        }
    }

    @Test
    void whoDoesNotComeBackReadsThemOnce() throws Exception {
        restart(after);
        int opened = CountedStores.opened();
        Background<MessageWriter<String>> opening = Background.call(() -> writer()
                .parameter("connect", Map.of("retry_first", 600, "automatic_reconnect", false)).build().getWriter());
        Await.until(LIMIT, "a first attempt", () -> proxy.connections() > 0);
        trust(after);
        show(after);
        int attempts = proxy.connections() + 3; // the last one begins when all before have failed
        Await.until(LIMIT, "further attempts", () -> proxy.connections() >= attempts);
        opening.thread().interrupt();
        assertInstanceOf(ConnectionException.class, opening.failure(LIMIT));
        assertEquals(opened + 2, CountedStores.opened());
    }
}
