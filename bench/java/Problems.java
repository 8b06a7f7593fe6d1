import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;

/** What went wrong, told by any thread. */
final class Problems {
    private final AtomicLong count = new AtomicLong();
    private final AtomicReference<Throwable> first = new AtomicReference<>();

    void add(Throwable error) {
        count.incrementAndGet();
        first.compareAndSet(null, error);
    }

    long count() {
        return count.get();
    }

    /** The first one with its causes, or null. */
    String first() {
        if (first.get() == null) return null;
        StringBuilder text = new StringBuilder();
        for (Throwable each = first.get(); each != null; each = each.getCause()) {
            text.append(text.length() == 0 ? "" : ", because of ").append(each);
        }
        return text.toString();
    }
}
