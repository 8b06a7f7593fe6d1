package jp.ad.sinet.stream.engine.client;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;

import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.LogCapture;

/** The callbacks of a reader whose end coincides with another failure. */
@Timeout(60)
class MessageCallbacksTest {
    @RegisterExtension
    final LogCapture log = new LogCapture();

    private final List<String> told = Collections.synchronizedList(new ArrayList<>());
    private final MessageCallbacks<String> callbacks = new MessageCallbacks<>();
    private final EventPump pump = new EventPump(how -> null, "reader", null, callbacks, new CallbackExecutor(null, "reader"), () -> { });
    private volatile Throwable obstacle;

    /** A source without messages. It returns false, after it has thrown once if it was told to. */
    private final class Source implements MessageSource<String> {
        @Override
        public boolean hasRest() {
            return false;
        }

        @Override
        public boolean next(long wanted) {
            Throwable once = obstacle;
            obstacle = null;
            if (once instanceof Error) {
                throw (Error) once;
            } else if (once != null) {
                throw (RuntimeException) once;
            }
            return false;
        }

        @Override
        public Message<String> message() {
            throw new AssertionError();
        }

        @Override
        public int tries() {
            throw new AssertionError();
        }

        @Override
        public void skipped() {
            throw new AssertionError();
        }

        @Override
        public void calledBack(boolean processed) {
            throw new AssertionError();
        }
    }

    @AfterEach
    void close() {
        callbacks.close();
    }

    private void end(Throwable inTheWay) {
        callbacks.begin(new Source(), pump, new Stay(false, pump, Duration.ofSeconds(1)));
        callbacks.add(message -> { }, failure -> told.add("first: " + failure.getMessage()), this);
        callbacks.add(message -> { }, null, this);
        callbacks.add(message -> { }, failure -> told.add("second: " + failure.getMessage()), this);
        obstacle = inTheWay;
        EventPump.persist(() -> callbacks.ended(new SinetStreamIOException("the end")));
        assertEquals(List.of("first: the end", "second: the end"), told);
        Await.until("nobody keeps the JVM", () -> Thread.getAllStackTraces().keySet().stream()
                .noneMatch(thread -> thread.getName().equals("sinetstream-stay")));
    }

    @Test
    void theEndIsToldWhenThereIsMemoryForItAgain() {
        end(new OutOfMemoryError("on purpose"));
        assertEquals(List.of(), log.warnings());
    }

    @Test
    void theEndIsToldWhenTheLastMessagesCanNotBeGiven() {
        end(new IllegalStateException("on purpose"));
        assertEquals(List.of("the last messages of a reader could not be given to its callbacks"), log.warnings());
    }

    /** A listener that knows of the end is not told again. */
    @Test
    void theEndIsToldOnce() {
        end(null);
        callbacks.ended(new SinetStreamIOException("another one"));
        assertEquals(2, told.size());
        assertEquals(List.of(), log.warnings());
    }
}
