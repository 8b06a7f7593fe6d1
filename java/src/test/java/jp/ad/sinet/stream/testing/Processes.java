package jp.ad.sinet.stream.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Other programs and their files. None is left when the JVM exits. */
public final class Processes {
    private static final long LIMIT_SECONDS = 60;
    private static final Set<Process> RUNNING = ConcurrentHashMap.newKeySet();
    private static final Queue<Path> DIRECTORIES = new ConcurrentLinkedQueue<>();

    static {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            RUNNING.forEach(Process::destroyForcibly);
            DIRECTORIES.forEach(Processes::delete);
        }));
    }

    private Processes() {
    }

    static Path temporaryDirectory() throws IOException {
        Path directory = Files.createTempDirectory("sinetstream-test-");
        DIRECTORIES.add(directory);
        return directory;
    }

    /** Starts a program, which is killed when the JVM exits. */
    public static Process start(ProcessBuilder builder) throws IOException {
        Process process = builder.start();
        RUNNING.add(process);
        process.onExit().thenRun(() -> RUNNING.remove(process));
        return process;
    }

    /** Runs a program to its end, and fails unless it succeeds. */
    public static void run(List<String> command) throws IOException {
        output(command);
    }

    /** Runs a program to its end and returns its output. */
    public static String output(List<String> command) throws IOException {
        Process process = start(new ProcessBuilder(command).redirectErrorStream(true));
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (!ended(process, LIMIT_SECONDS)) {
            throw new IOException(command.get(0) + " does not end");
        }
        if (process.exitValue() != 0) {
            throw new IOException(command.get(0) + ": exit code " + process.exitValue() + ": " + output);
        }
        return output;
    }

    /** Waits for the end of a process, which is killed when it does not end in time. */
    static boolean ended(Process process, long seconds) {
        try {
            if (process.waitFor(seconds, TimeUnit.SECONDS)) {
                return true;
            }
            process.destroyForcibly().waitFor();
            return false;
        } catch (InterruptedException e) {
            process.destroyForcibly();
            throw new AssertionError("interrupted while waiting for a process", e);
        }
    }

    private static void delete(Path directory) {
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).collect(Collectors.toList())) {
                Files.deleteIfExists(file);
            }
        } catch (IOException | UncheckedIOException e) {
            // this is the system's temporary directory
        }
    }

    /** Returns the path of a program, which may be in /usr/sbin. */
    static String find(String program) {
        String path = System.getenv("PATH") + ":/usr/local/sbin:/usr/sbin:/opt/homebrew/sbin";
        for (String directory : path.split(":")) {
            if (!directory.isEmpty() && Files.isExecutable(Path.of(directory, program))) {
                return Path.of(directory, program).toString();
            }
        }
        throw new AssertionError(program + " is not installed");
    }
}
