package jp.ad.sinet.stream.testing;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** A separate JVM that runs {@link Child}. */
public final class ChildJvm {
    private static final long LIMIT_SECONDS = 120;
    private static final int NATIVE_ACCESS_SINCE = 22;
    /** A JVM option since Java 24. */
    public static final String NO_NATIVE_ACCESS = "--illegal-native-access=deny";

    private final List<String> before = new ArrayList<>();
    private String leftOut;
    private final List<String> options = new ArrayList<>();
    private final Map<String, String> environment = new HashMap<>();
    private File workingDirectory;

    /** Adds an option of the JVM. */
    public ChildJvm option(String option) {
        options.add(option);
        return this;
    }

    /** Sets an environment variable of the JVM. */
    public ChildJvm environment(String name, String value) {
        environment.put(name, value);
        return this;
    }

    public ChildJvm workingDirectory(Path directory) {
        workingDirectory = directory.toFile();
        return this;
    }

    /** Sets a command that receives the JVM's command line as its last arguments. */
    public ChildJvm under(String... command) {
        before.addAll(List.of(command));
        return this;
    }

    /** Omits class path entries that contain this text. */
    public ChildJvm without(String part) {
        leftOut = part;
        return this;
    }

    /** Starts a scenario of {@link Child}. Its output is piped, and its errors go where those of this JVM go. */
    public Process start(String... scenario) throws IOException {
        return Processes.start(builder(scenario).redirectError(ProcessBuilder.Redirect.INHERIT));
    }

    private ProcessBuilder builder(String... scenario) {
        List<String> command = new ArrayList<>(before);
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        // The simple compiler and collector start quickly. The class path is absolute because of the working directory.
        command.addAll(List.of("-Xcheck:jni", "-ea", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp",
                Stream.of(classPath().split(File.pathSeparator)).filter(entry -> leftOut == null || !entry.contains(leftOut))
                        .collect(Collectors.joining(File.pathSeparator))));
        if (Runtime.version().feature() >= NATIVE_ACCESS_SINCE && !options.contains(NO_NATIVE_ACCESS)) {
            command.add("--enable-native-access=ALL-UNNAMED");
        }
        command.addAll(options);
        command.add(Child.class.getName());
        command.addAll(List.of(scenario));
        ProcessBuilder builder = new ProcessBuilder(command).directory(workingDirectory);
        builder.environment().keySet().removeIf(name -> name.endsWith("JAVA_OPTIONS") || name.startsWith("JDK_"));
        builder.environment().remove("JAVA_TOOL_OPTIONS");
        builder.environment().putAll(environment);
        return builder;
    }

    /** Runs a scenario of {@link Child} to its end. */
    public Result run(String... scenario) throws IOException {
        Path out = Files.createTempFile("sinetstream-child-", ".out");
        Path err = Files.createTempFile("sinetstream-child-", ".err");
        try {
            Process process = Processes.start(builder(scenario).redirectOutput(out.toFile()).redirectError(err.toFile()));
            process.getOutputStream().close();
            boolean ended = Processes.ended(process, LIMIT_SECONDS);
            return new Result(ended, process.exitValue(), text(out), text(err));
        } finally {
            Files.delete(out);
            Files.delete(err);
        }
    }

    public static String classPath() {
        List<String> absolute = new ArrayList<>();
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator)) {
            absolute.add(Path.of(entry).toAbsolutePath().toString());
        }
        return String.join(File.pathSeparator, absolute);
    }

    private static String text(Path file) throws IOException {
        return new String(Files.readAllBytes(file), StandardCharsets.UTF_8).trim();
    }

    /** The result of a JVM. */
    public static final class Result {
        /** False when the JVM had to be killed. */
        public final boolean ended;
        public final int exitCode;
        public final String out;
        public final String err;

        Result(boolean ended, int exitCode, String out, String err) {
            this.ended = ended;
            this.exitCode = exitCode;
            this.out = out;
            this.err = err;
        }

        @Override
        public String toString() {
            return (ended ? "exit code " + exitCode : "killed") + "\nout: " + out + "\nerr: " + err;
        }
    }
}
