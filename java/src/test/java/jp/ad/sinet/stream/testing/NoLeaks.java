package jp.ad.sinet.stream.testing;

import static org.junit.jupiter.api.Assertions.fail;

import java.time.Duration;
import java.util.Set;
import java.util.stream.Collectors;

import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;

import jp.ad.sinet.stream.engine.boundary.EngineAccess;

/** Checks after a test class that no handle is open, and that no thread is left that would keep the JVM from exiting. */
public final class NoLeaks implements BeforeAllCallback, AfterAllCallback {
    private static final Duration PATIENCE = Duration.ofSeconds(5);

    private static Set<Thread> lasting() {
        return Thread.getAllStackTraces().keySet().stream()
                .filter(thread -> !thread.isDaemon() && !thread.getName().startsWith("junit-"))
                .collect(Collectors.toSet());
    }

    @Override
    public void beforeAll(ExtensionContext context) {
        context.getStore(Namespace.create(NoLeaks.class)).put(context.getUniqueId(), lasting());
    }

    @Override
    public void afterAll(ExtensionContext context) {
        if (!Await.reached(PATIENCE, () -> EngineAccess.liveHandles() == 0)) {
            fail(EngineAccess.liveHandles() + " handles are still open");
        }
        Set<?> before = context.getStore(Namespace.create(NoLeaks.class)).get(context.getUniqueId(), Set.class);
        if (!Await.reached(PATIENCE, () -> before.containsAll(lasting()))) {
            Set<Thread> left = lasting();
            left.removeAll(before);
            fail("threads are still running: " + left);
        }
    }
}
