package jp.ad.sinet.stream.engine;

import java.util.function.Supplier;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** The log of this library. A handler of the application that throws does no harm to who logs. */
final class Log {
    private static final Logger LOGGER = Logger.getLogger("jp.ad.sinet.stream");

    void warning(String text) {
        log(Level.WARNING, text);
    }

    void fine(Supplier<String> text) {
        if (LOGGER.isLoggable(Level.FINE)) {
            log(Level.FINE, text.get());
        }
    }

    void log(Level level, String text) {
        log(level, text, null);
    }

    /** {@code thrown} may be null. */
    void log(Level level, String text, Throwable thrown) {
        if (!LOGGER.isLoggable(level)) {
            return;
        }
        try {
            LogRecord entry = new LogRecord(level, text);
            entry.setLoggerName(LOGGER.getName());
            entry.setSourceClassName(null); // it would be this one
            entry.setThrown(thrown);
            LOGGER.log(entry);
        } catch (Throwable e) {
            // there is nobody to tell
        }
    }
}
