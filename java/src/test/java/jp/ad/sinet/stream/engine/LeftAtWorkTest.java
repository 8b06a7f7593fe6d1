package jp.ad.sinet.stream.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import jp.ad.sinet.stream.api.AsyncMessageReader;
import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.AuthenticationException;
import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.ChildJvm;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.LogCapture;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.ScriptedBroker;

/** The JVM stays while asynchronous clients have work that the program has left to them, and no longer. */
@Timeout(240)
@ExtendWith(NoLeaks.class)
class LeftAtWorkTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    private static final String RETURNS = "main returns";

    private static ChildJvm.Result child(String what, String broker, String... lines) throws IOException {
        ChildJvm.Result result = new ChildJvm().run("left-at-work", broker, what);
        assertTrue(result.ended && result.exitCode == 0, result::toString);
        assertEquals(String.join(System.lineSeparator(), lines), result.out, result::toString);
        return result;
    }

    @Test
    void everyAcceptedMessageArrives() throws IOException {
        Set<String> arrived = ConcurrentHashMap.newKeySet();
        try (AsyncMessageReader<String> reader = Clients.textReader(BROKER.open(), "left-at-work")
                .consistency(Consistency.AT_LEAST_ONCE).build().getAsyncReader()) {
            reader.addOnMessageCallback(message -> arrived.add(message.getValue()));
            child("writes", BROKER.open(), RETURNS);
            Await.until("all messages", () -> arrived.size() == 5000);
        }
    }

    /** Neither the end of main nor the garbage collector ends a writer before its messages have ended. */
    @Test
    void aMessageThatNobodyConfirmsIsToldOf() throws IOException {
        try (ScriptedBroker broker = ScriptedBroker.neverAcknowledging()) {
            child("unconfirmed", broker.address(), RETURNS, "write timed out");
        }
    }

    @Test
    void aWriterThatIsForgottenTellsOfMessagesThatAreNotConfirmed() {
        try (ScriptedBroker broker = ScriptedBroker.neverAcknowledging(); LogCapture log = new LogCapture()) {
            forget(broker);
            Await.until("the warning", () -> {
                System.gc();
                return !log.warnings().isEmpty();
            });
            assertTrue(log.warnings().get(0).endsWith("never closed; its connection is cut now, and messages are not confirmed that"
                    + " may have been delivered: 2"), log.warnings()::toString);
        }
    }

    private static void forget(ScriptedBroker broker) {
        AsyncMessageWriter<String> writer = Clients.textWriter(broker.address(), "t").consistency(Consistency.AT_LEAST_ONCE)
                .daemon(true).build().getAsyncWriter();
        writer.write("x");
        writer.write("y");
    }

    @ParameterizedTest
    @ValueSource(strings = {"daemon", "closed"})
    void nothingIsWaitedForAnyMore(String what) throws IOException {
        try (ScriptedBroker broker = ScriptedBroker.neverAcknowledging()) {
            child(what, broker.address(), RETURNS);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"reader-closed", "reader-removed"})
    void aReaderGoesOnWhileItHasCallbacks(String what) throws IOException {
        child(what, BROKER.open(), RETURNS, "heard");
    }

    @Test
    void aReaderThatHasFailedIsNotWaitedFor() throws IOException {
        child("reader-ended", BROKER.open(), RETURNS, "ended");
    }

    /** The client fails before it is open, which only the exception reports. */
    @Test
    void aReaderThatCanNotBeOpenedIsOneClearException() {
        try (ScriptedBroker broker = ScriptedBroker.connack(5); LogCapture log = new LogCapture()) {
            for (int i = 0; i < 20; i++) {
                assertThrows(AuthenticationException.class, () -> Clients.textReader(broker.address(), "t").build().getAsyncReader());
            }
            assertEquals(List.of(), log.warnings());
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"writer", "reader"})
    void clientsOfPluginsTheSame(String which) throws IOException {
        child("plugin-" + which, BROKER.open(), RETURNS, which.equals("writer") ? "written" : "read");
    }

    /** A plugin that never reports an outcome, and executors that run nothing, are waited for only up to the limit. */
    @ParameterizedTest
    @ValueSource(strings = {"plugin-never", "executor-drops", "executor-forgets"})
    void whatIsNeverToldIsNotWaitedForForEver(String what) throws IOException {
        ChildJvm.Result result = child(what, BROKER.open(), RETURNS);
        String client = what.startsWith("plugin") ? "client of" : "writer, client ";
        assertTrue(result.err.lines().filter(line -> line.contains(client)
                && line.contains("does not wait any longer for messages without an outcome: 1;")).count() == 1, result::toString);
    }

    @ParameterizedTest
    @ValueSource(strings = {"closed", "removed", "beside", "writer"})
    void aCallbackThatRunsReturnsFirst(String what) throws IOException {
        ChildJvm.Result result = child("finishing-" + what, BROKER.open(), RETURNS, "result");
        assertTrue(what.equals("writer") || result.err.contains("IllegalStateException: on purpose"), result::toString);
    }

    private static List<Thread> threads() {
        return Thread.getAllStackTraces().keySet().stream().filter(thread -> thread.getName().equals("sinetstream-stay"))
                .collect(Collectors.toList());
    }

    @Test
    void allClientsHaveOneThreadAndIdleOnesNone() {
        Await.until("no thread of tests before", () -> threads().isEmpty());
        try (ScriptedBroker silent = ScriptedBroker.neverAcknowledging();
                AsyncMessageReader<String> reader = Clients.textReader(BROKER.open(), "t").build().getAsyncReader();
                AsyncMessageWriter<String> writer = writer(BROKER.open())) {
            writer.writeAsync("x").join();
            Await.until("the writer is idle", () -> threads().isEmpty());
            reader.addOnMessageCallback(message -> { });
            AsyncMessageWriter<String> unconfirmed = writer(silent.address());
            unconfirmed.write("x");
            writer.write("x");
            assertEquals(List.of(false), threads().stream().map(Thread::isDaemon).collect(Collectors.toList()));
            reader.clearOnMessageCallback();
            assertEquals(1, threads().size());
            unconfirmed.close();
            Await.until("nothing is left to do", () -> threads().isEmpty());
        } catch (SinetStreamIOException e) {
            assertTrue(e.getMessage().contains("could not be delivered"), e::getMessage);
        }
    }

    private static AsyncMessageWriter<String> writer(String broker) {
        return Clients.textWriter(broker, "t").consistency(Consistency.AT_LEAST_ONCE).parameter("close_timeout_ms", 100).build()
                .getAsyncWriter();
    }
}
