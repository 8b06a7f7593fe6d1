package jp.ad.sinet.stream.engine.boundary;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;

import jp.ad.sinet.stream.api.SinetStreamException;

/**
 * The exceptions that plugins have thrown during a thread's present call of the native library, in order. The library passes
 * on only the text of an error; at the end of the call that text identifies the exception.
 */
final class PluginFailures {
    /** Unset outside a call, because a thread that lives on must not keep a plugin's classes alive. */
    private static final ThreadLocal<PluginFailures> PRESENT = new ThreadLocal<>();

    private final Deque<SinetStreamException> failures = new ArrayDeque<>();

    private PluginFailures() {
    }

    /**
     * Called before a plugin is called. The plugin may use clients itself, whose failures do not belong to the surrounding
     * call.
     *
     * @return the argument for {@link #leave}
     */
    static PluginFailures enter() {
        return takeAll();
    }

    static void leave(PluginFailures before) {
        if (before == null) {
            PRESENT.remove();
        } else {
            PRESENT.set(before);
        }
    }

    /** Adds a failure that will be passed through the native library. Its cause is the plugin's exception. */
    static void add(SinetStreamException failure) {
        PluginFailures present = PRESENT.get();
        if (present == null) {
            present = new PluginFailures();
            PRESENT.set(present);
        }
        present.failures.add(failure);
    }

    /** Returns the plugin's exception that made a call fail with this text; null when no plugin did. */
    static Throwable takeCause(String text) {
        PluginFailures all = takeAll();
        return all == null ? null : all.cause(text);
    }

    /** Returns the failures of a call whose messages fail one by one; null when there are none. */
    static PluginFailures takeAll() {
        PluginFailures all = PRESENT.get();
        PRESENT.remove();
        return all;
    }

    /** Returns and removes the plugin's exception for the next failure with this text; null when no plugin threw it. */
    Throwable cause(String text) {
        for (Iterator<SinetStreamException> each = failures.iterator(); each.hasNext();) {
            SinetStreamException failure = each.next();
            if (failure.getMessage().equals(text)) {
                each.remove();
                return failure.getCause();
            }
        }
        return null;
    }
}
