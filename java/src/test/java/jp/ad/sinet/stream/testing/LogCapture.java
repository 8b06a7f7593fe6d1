package jp.ad.sinet.stream.testing;

import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** Receives the library's log records instead of the console; as an extension, during a test. */
public class LogCapture extends Handler implements AutoCloseable, AfterEachCallback {
    private final Logger logger = Logger.getLogger("jp.ad.sinet.stream");
    private final List<LogRecord> records = new CopyOnWriteArrayList<>();

    public LogCapture() {
        logger.addHandler(this);
        logger.setUseParentHandlers(false);
    }

    /** Returns the messages at level WARNING and above. */
    public List<String> warnings() {
        List<String> warnings = new CopyOnWriteArrayList<>();
        for (LogRecord each : records) {
            if (each.getLevel().intValue() >= Level.WARNING.intValue()) {
                warnings.add(each.getMessage());
            }
        }
        return warnings;
    }

    @Override
    public void publish(LogRecord each) {
        records.add(each);
    }

    @Override
    public void flush() {
        // nothing is buffered
    }

    @Override
    public void afterEach(ExtensionContext context) {
        close();
    }

    @Override
    public void close() {
        logger.removeHandler(this);
        logger.setUseParentHandlers(true);
    }
}
