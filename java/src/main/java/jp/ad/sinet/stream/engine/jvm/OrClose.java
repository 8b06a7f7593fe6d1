package jp.ad.sinet.stream.engine.jvm;

import java.util.function.Supplier;

/** Closes a resource when the code that completes it fails. */
public final class OrClose {
    private OrClose() {
    }

    /**
     * Returns the result of {@code rest}. When it throws, {@code close} runs before the exception is passed on, and an
     * exception of {@code close} is added to it.
     */
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
