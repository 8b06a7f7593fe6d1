package jp.ad.sinet.stream.testing;

import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.CountDownLatch;

import jp.ad.sinet.stream.api.AsyncMessageReader;
import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.AuthenticationException;
import jp.ad.sinet.stream.api.InvalidMessageException;
import jp.ad.sinet.stream.api.Login;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.spi.CompressionProvider;
import jp.ad.sinet.stream.spi.CryptoProvider;
import jp.ad.sinet.stream.utils.Tls;

/**
 * A program that makes the native library call all of Java that it can call: plugins that work and fail, errors, logins,
 * callbacks.
 */
final class JniCalls {
    private static final Map<String, Object> PLUGGED = Map.of("data_compression", true, "compression", Map.of("algorithm", "plugged"),
            "data_encryption", true, "crypto", Map.of("algorithm", "plugged"));

    private JniCalls() {
    }

    /** A plugin that returns its input, and fails when it is told to. */
    public static final class Plugged extends PassingPlugin {
        private static volatile boolean fails;

        /** For the service loader. */
        public Plugged() {
            super("plugged");
        }

        @Override
        protected byte[] passed(byte[] data) {
            if (fails) {
                throw new IllegalStateException("on purpose");
            }
            return data;
        }
    }

    /**
     * Runs the program with brokers that need no login, need one, and speak TLS to clients with a trusted certificate, and
     * with an empty directory.
     */
    static void make(String open, String login, String tls, Path trustStore, Path services) throws Exception {
        Services.install(services, CompressionProvider.class, Plugged.class);
        Services.install(services, CryptoProvider.class, Plugged.class);
        String topic = Clients.topic();
        try (MessageReader<String> reader = Clients.textReader(open, topic).parameters(PLUGGED).build().getReader();
                MessageWriter<String> writer = Clients.textWriter(open, topic).parameters(PLUGGED).build().getWriter()) {
            writer.write("x");
            System.out.println(reader.read().getValue());
            writer.write("x");
            Plugged.fails = true;
            failure(SinetStreamIOException.class, () -> writer.write("y"));
            failure(InvalidMessageException.class, reader::read);
            Plugged.fails = false;
        }
        CountDownLatch heard = new CountDownLatch(1);
        try (AsyncMessageReader<String> reader = Clients.textReader(open, topic).jmx(true).build().getAsyncReader();
                AsyncMessageWriter<String> writer = Clients.textWriter(open, topic).build().getAsyncWriter()) {
            reader.addOnMessageCallback(message -> heard.countDown());
            writer.writeAsync("x").join();
            heard.await();
        }
        Clients.textWriter(login, topic).login(() -> Login.of("user01", Broker.password("user01"))).build().getWriter().close();
        failure(AuthenticationException.class,
                () -> Clients.textWriter(login, topic).login(() -> Login.of("user01", "wrong")).build().getWriter());
        Clients.textWriter(tls, topic).login("user01", Broker.password("user01")).tls(Tls.builder().trustStore(trustStore)
                .trustStorePassword(Certificates.STORE_PASSWORD).build()).build().getWriter().close();
    }

    private static void failure(Class<? extends Exception> expected, Runnable work) {
        try {
            work.run();
        } catch (RuntimeException e) {
            if (expected.isInstance(e)) {
                return;
            }
            throw e;
        }
        throw new AssertionError("no " + expected);
    }
}
