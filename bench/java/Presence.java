import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;

/** Whether one of many clients is connected, as it itself tells it. */
final class Presence {
    private final Crowd crowd;
    private final AtomicBoolean connected = new AtomicBoolean();
    private final AtomicBoolean lost = new AtomicBoolean();

    Presence(Crowd crowd) {
        this.crowd = crowd;
    }

    /** To be told with each connection. */
    void connected() {
        if (connected.compareAndSet(false, true)) crowd.connected.incrementAndGet();
    }

    /** To be told when a connection is lost, and as often as one likes until the next. */
    void lost() {
        if (connected.compareAndSet(true, false)) crowd.connected.decrementAndGet();
        if (lost.compareAndSet(false, true)) crowd.lost.incrementAndGet();
    }

    /** All clients of a row. */
    static final class Crowd {
        private final AtomicInteger connected = new AtomicInteger();
        /** Those that have lost their connection at least once. */
        private final AtomicInteger lost = new AtomicInteger();

        /** Every one of so many clients has lost its connection, and has one again. */
        boolean allAreBack(int clients) {
            return lost.get() == clients && connected.get() == clients;
        }

        int connected() {
            return connected.get();
        }
    }
}
