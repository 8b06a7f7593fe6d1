package jp.ad.sinet.stream.engine.jvm;

import java.util.function.Supplier;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** The log of this library. An exception of an application's log handler does not reach the code that logs. */
public final class Log {
    /** The only instance. */
    public static final Log LOGGER = new Log();

    private static final Logger OF_JVM = Logger.getLogger("jp.ad.sinet.stream");

    private Log() {
    }

    public void warning(String text) {
        log(Level.WARNING, text);
    }

    public void fine(Supplier<String> text) {
        if (OF_JVM.isLoggable(Level.FINE)) {
            log(Level.FINE, text.get());
        }
    }

    public void log(Level level, String text) {
        log(level, text, null);
    }

    /** {@code thrown} may be null. */
    public void log(Level level, String text, Throwable thrown) {
        if (!OF_JVM.isLoggable(level)) {
            return;
        }
        try {
            LogRecord entry = new LogRecord(level, text);
            entry.setLoggerName(OF_JVM.getName());
            entry.setSourceClassName(null); // it would be this class
            entry.setThrown(thrown);
            OF_JVM.log(entry);
        } catch (Throwable e) {
            // There is nowhere to report it.
        }
    }
}
