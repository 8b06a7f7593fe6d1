import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.time.Duration;

import com.sun.management.OperatingSystemMXBean;

/** Clock, CPU time and peak memory of this process. */
final class Meter {
    private final long started = System.nanoTime();
    private final long cpu = cpuNanos();

    Duration elapsed() {
        return Duration.ofNanos(System.nanoTime() - started);
    }

    Duration cpu() {
        return Duration.ofNanos(cpuNanos() - cpu);
    }

    /** All threads, also those of the JVM and of native libraries. */
    private static long cpuNanos() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }

    /** The most physical memory that the process has had (Linux). */
    static long peakKib() {
        return status("VmHWM:");
    }

    /** The physical memory that the process has now (Linux), without what the collector can free. */
    static long residentKib() {
        System.gc();
        return status("VmRSS:");
    }

    /** The threads of the process (Linux), also those of the JVM and of native libraries. */
    static long threads() {
        return status("Threads:");
    }

    private static long status(String field) {
        try {
            for (String line : Files.readAllLines(Paths.get("/proc/self/status"))) {
                if (line.startsWith(field)) return Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        } catch (IOException e) {
            // not Linux
        }
        return 0;
    }
}
