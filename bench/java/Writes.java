import java.time.Duration;
import java.util.Random;

/** The frame of all measurements of writes: warm up, reset, write, and count what has arrived. */
abstract class Writes {
    final Row row;
    final Problems problems = new Problems();
    final byte[] value;
    Latencies latencies = new Latencies();
    /** Counts what arrives, at QoS 0; else null. */
    private final Control counter;
    private long written;

    Writes(Options options, Row row) throws Exception {
        this.row = row;
        value = new byte[row.size];
        new Random(1).nextBytes(value);
        counter = row.qos == 0 ? new Control(options.get("counter")) : null;
    }

    /** Writes for some time, waits until all have ended, and returns how many did well. */
    abstract long writeFor(Duration time) throws Exception;

    Measured measure(Duration warm, Duration seconds) throws Exception {
        arrived(warm);
        latencies = new Latencies();
        Meter meter = new Meter();
        Measured measured = new Measured();
        Control.Arrived arrived = arrived(seconds);
        measured.elapsed = meter.elapsed().minus(arrived.idle); // the lost ones were waited for in vain
        measured.cpu = meter.cpu();
        measured.messages = arrived.messages;
        measured.lost = Math.max(0, written - arrived.messages);
        measured.latencies = latencies;
        return measured;
    }

    private Control.Arrived arrived(Duration time) throws Exception {
        if (counter != null) counter.reset();
        written = writeFor(time);
        return counter == null ? new Control.Arrived(written, Duration.ZERO) : counter.await(written);
    }
}
