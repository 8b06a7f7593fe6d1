package jp.ad.sinet.stream.engine.jvm;

import java.util.function.Supplier;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** The log of this library. A handler of the application that throws does no harm to who logs. */
public final class Log {
    /** The one that there is. */
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
            entry.setSourceClassName(null); // it would be this one
            entry.setThrown(thrown);
            OF_JVM.log(entry);
        } catch (Throwable e) {
            // there is nobody to tell
        }
    }
}
