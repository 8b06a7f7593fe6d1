package jp.ad.sinet.stream.engine.jvm;

import java.util.function.Supplier;

/** What was opened does not stay open when something that belongs to it fails. */
public final class OrClose {
    private OrClose() {
    }

    /** What the rest gives. When it throws, {@code close} runs before that passes; what that throws, too, goes with it. */
    public static <R> R orClose(Runnable close, Supplier<R> rest) {
        try {
            return rest.get();
        } catch (Throwable e) {
            try {
                close.run();
            } catch (Throwable closing) {
                e.addSuppressed(closing);
            }
            throw e;
        }
    }
}
