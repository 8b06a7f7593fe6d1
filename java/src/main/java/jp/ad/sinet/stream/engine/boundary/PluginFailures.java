package jp.ad.sinet.stream.engine.boundary;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;

import jp.ad.sinet.stream.api.SinetStreamException;

/**
 * What plugins have thrown in a thread's present call of the native library, in order. The library passes an error's text
 * on and nothing else; by that text the end of the call finds what was thrown.
 */
final class PluginFailures {
    /** Unset outside a call: a thread that lives on must not keep a plugin's classes. */
    private static final ThreadLocal<PluginFailures> PRESENT = new ThreadLocal<>();

    private final Deque<SinetStreamException> failures = new ArrayDeque<>();

    private PluginFailures() {
    }

    /**
     * A plugin is about to be called. It may use clients itself, whose failures are not those of the call around it.
     *
     * @return for {@link #leave}
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

    /** The failure, whose cause is what the plugin has thrown, is on its way through the native library. */
    static void add(SinetStreamException failure) {
        PluginFailures present = PRESENT.get();
        if (present == null) {
            present = new PluginFailures();
            PRESENT.set(present);
        }
        present.failures.add(failure);
    }

    /** What the plugin has thrown that made a call fail with this text; null when no plugin did. */
    static Throwable takeCause(String text) {
        PluginFailures all = takeAll();
        return all == null ? null : all.cause(text);
    }

    /** Those of a call whose messages fail one by one; null when there are none. */
    static PluginFailures takeAll() {
        PluginFailures all = PRESENT.get();
        PRESENT.remove();
        return all;
    }

    /** What was thrown for the next failure with this text, once; null when it is no plugin's. */
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
