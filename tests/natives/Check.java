import java.time.Duration;
import java.util.Map;

import jp.ad.sinet.stream.api.AuthenticationException;
import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/**
 * Tests a platform for scripts/test-natives: {@code Check BROKER CA_FILE}. The library comes from the jar; an encrypted and
 * compressed text is written and read with TLS and a password at each QoS; a wrong password is refused.
 */
public final class Check {
    private static final Map<String, Object> CRYPTO = Map.of("algorithm", "AES", "key_length", 256, "mode", "GCM",
            "padding", "none", "password", "check", "key_derivation",
            Map.of("algorithm", "pbkdf2", "salt_bytes", 8, "iteration", 1000));

    private final String broker;
    private final String authority;

    private Check(String broker, String authority) {
        this.broker = broker;
        this.authority = authority;
    }

    public static void main(String[] args) {
        Check check = new Check(args[0], args[1]);
        for (Consistency consistency : Consistency.values()) {
            check.exchange(consistency);
        }
        check.refused();
        System.out.println("check: ok on " + System.getProperty("os.name") + ", " + System.getProperty("os.arch")
                + ", Java " + System.getProperty("java.version"));
    }

    private void exchange(Consistency consistency) {
        String sent = "こんにちは " + consistency;
        MessageReaderFactory<String> readers = MessageReaderFactory.<String>builder().noConfig(true).type("mqtt")
                .topic("check").consistency(consistency).valueType(SimpleValueType.TEXT)
                .receiveTimeout(Duration.ofSeconds(30)).parameters(parameters("user01-pass")).build();
        try (MessageReader<String> reader = readers.getReader();
                MessageWriter<String> writer = writers(consistency, "user01-pass").getWriter()) {
            writer.write(sent);
            String received = reader.read().getValue();
            if (!sent.equals(received)) {
                throw new IllegalStateException("sent " + sent + ", received " + received);
            }
        }
    }

    private void refused() {
        try (MessageWriter<String> writer = writers(Consistency.AT_LEAST_ONCE, "wrong").getWriter()) {
            writer.write("never");
        } catch (AuthenticationException expected) {
            return;
        }
        throw new IllegalStateException("a wrong password was accepted");
    }

    private MessageWriterFactory<String> writers(Consistency consistency, String password) {
        return MessageWriterFactory.<String>builder().noConfig(true).type("mqtt").topic("check").consistency(consistency)
                .valueType(SimpleValueType.TEXT).parameters(parameters(password)).build();
    }

    private Map<String, Object> parameters(String password) {
        return Map.of("brokers", broker, "tls", Map.of("ca_certs", authority),
                "username_pw_set", Map.of("username", "user01", "password", password),
                "data_encryption", true, "crypto", CRYPTO, "data_compression", true);
    }
}
