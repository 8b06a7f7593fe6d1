package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;

import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Proxy;
import jp.ad.sinet.stream.utils.MessageWriterFactory.MessageWriterFactoryBuilder;

/** Logins that the program supplies for each connection. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class GivenLoginTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    private static final String USER = "user02";

    private static MessageWriterFactoryBuilder<String> writer(String address, Callable<Login> login) {
        return Clients.textWriter(address, Clients.topic()).consistency(Consistency.AT_LEAST_ONCE)
                .parameter("reconnect_delay", Map.of("min_delay", 0.02, "max_delay", 0.1)).login(login);
    }

    @Test
    void eachConnectionHasALoginOfNow() throws Exception {
        AtomicReference<String> password = new AtomicReference<>(Broker.password(USER));
        AtomicInteger asked = new AtomicInteger();
        try (Proxy proxy = new Proxy(BROKER.loginPort())) {
            MessageWriterFactoryBuilder<String> builder = writer(proxy.address(), () -> {
                asked.incrementAndGet();
                return Login.of(USER, password.get());
            });
            // The login of the configuration is ignored.
            builder.parameter("username_pw", Map.of("username", USER, "password", "wrong"));
            assertFalse(builder.toString().contains("password"), builder.toString());
            MessageWriter<String> writer = builder.build().getWriter();
            try {
                writer.write("before");
                assertEquals(1, asked.get());
                password.set("renewed");
                BROKER.setPassword(USER, "renewed");
                BROKER.reload();
                proxy.cut();
                writer.write("after");
                assertTrue(asked.get() > 1);
                password.set("wrong");
                proxy.cut();
                Await.until("the login is refused", () -> {
                    try {
                        writer.write("refused");
                        return false;
                    } catch (SinetStreamException e) {
                        return true;
                    }
                });
                assertThrows(AuthenticationException.class, () -> writer.write("refused"));
            } finally {
                writer.close();
            }
        } finally {
            BROKER.setPassword(USER, Broker.password(USER));
            BROKER.reload();
        }
    }

    @Test
    void aReaderAsksToo() {
        try (MessageReader<String> reader = Clients.textReader(BROKER.login(), Clients.topic())
                .login(() -> Login.of("user01", Broker.password("user01"))).build().getReader()) {
            assertTrue(reader.isConnected());
        }
        assertThrows(AuthenticationException.class, () -> Clients.textReader(BROKER.login(), Clients.topic())
                .login(() -> Login.of("user01", "wrong")).build().getReader());
    }

    @Test
    void aLoginThatCannotBeHadIsAFailedAttempt() {
        assertTold("the vault is sealed", () -> {
            throw new IOException("the vault is sealed");
        });
        assertTold("java.lang.IllegalStateException", () -> {
            throw new IllegalStateException();
        });
        assertTold("it is null", () -> null);
        assertTold("MQTT 5", () -> Login.token("t"));
        assertEquals("Login", Login.of("u", "secret").toString());
        AtomicInteger asked = new AtomicInteger();
        Callable<Login> late = () -> {
            if (asked.incrementAndGet() < 3) {
                throw new IOException("not yet");
            }
            return Login.of("user01", Broker.password("user01"));
        };
        writer(BROKER.login(), late).parameter("connect", Map.of("retry_first", 600)).build().getWriter().close();
        assertEquals(3, asked.get());
    }

    private static void assertTold(String words, Callable<Login> login) {
        String message = assertThrows(ConnectionException.class, () -> writer(BROKER.login(), login).build().getWriter())
                .getMessage();
        assertTrue(message.contains("gave no login") && message.contains(words), message);
    }

    @Test
    void aLoginThatDoesNotComeTakesNoLongerThanAConnection() throws Exception {
        CountDownLatch released = new CountDownLatch(1);
        Callable<Login> never = () -> {
            released.await();
            return null;
        };
        String message = assertThrows(ConnectionException.class, () -> writer(BROKER.login(), never)
                .parameter("connect", Map.of("connection_timeout", 0.2)).build().getWriter()).getMessage();
        assertTrue(message.contains("no login within 200 ms"), message);
        released.countDown();
    }
}
