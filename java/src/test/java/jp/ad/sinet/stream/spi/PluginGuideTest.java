package jp.ad.sinet.stream.spi;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.ChildJvm;
import jp.ad.sinet.stream.testing.Processes;

/**
 * Compiles the plugin of {@code docs/plugins.md} and runs its program in an empty directory: with the plugin, and with MQTT.
 */
@Timeout(180)
class PluginGuideTest {
    private static final Pattern FILE = Pattern.compile("(?m)^```\\w+ (\\S+)\\n(.*?)^```$", Pattern.DOTALL);
    private static final Pattern OUTPUT = Pattern.compile("(?m)^```output\\n(.*?)^```$", Pattern.DOTALL);
    private static final String CONFIGURATION = ".sinetstream_config.yml";

    @RegisterExtension
    static final Broker BROKER = new Broker();

    @TempDir
    Path folder;

    private String printed;

    @BeforeEach
    void compile() throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        assumeTrue(compiler != null, "this Java has no compiler");
        String text = Files.readString(Path.of("docs/plugins.md"));
        Matcher output = OUTPUT.matcher(text);
        assertTrue(output.find(), "it does not tell what the program prints");
        printed = output.group(1);
        List<String> arguments = new ArrayList<>(List.of("-Xlint:all,-path", "-Werror", "-proc:none", "-cp", ChildJvm.classPath(), "-d",
                folder.toString()));
        int sources = 0;
        for (Matcher file = FILE.matcher(text); file.find();) {
            Path path = folder.resolve(file.group(1));
            Files.createDirectories(path.getParent());
            Files.writeString(path, file.group(2));
            if (path.toString().endsWith(".java")) {
                arguments.add(path.toString());
                sources++;
            }
        }
        assertEquals(5, sources);
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        assertEquals(0, compiler.run(null, said, said, arguments.toArray(new String[0])),
                () -> said.toString(StandardCharsets.UTF_8));
    }

    private String run() throws Exception {
        Path out = folder.resolve("out");
        List<String> command = List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-cp",
                folder + File.pathSeparator + ChildJvm.classPath(), "org.example.Laboratory");
        Process process = Processes.start(new ProcessBuilder(command).directory(folder.toFile()).redirectOutput(out.toFile())
                .redirectError(ProcessBuilder.Redirect.INHERIT));
        assertTrue(process.waitFor(120, TimeUnit.SECONDS), "it does not end");
        String said = Files.readString(out);
        assertEquals(0, process.exitValue(), said);
        return said;
    }

    @Test
    void itsProgramPrintsWhatThePageSays() throws Exception {
        assertEquals(printed, run());
    }

    @Test
    void theSameProgramSpeaksMqtt() throws Exception {
        Path configuration = folder.resolve(CONFIGURATION);
        String changed = Files.readString(configuration).replace("type: queue",
                "type: mqtt\n    brokers: " + BROKER.open()).replace("    capacity: 10\n", "");
        assertTrue(changed.contains("type: mqtt") && !changed.contains("capacity"), changed);
        Files.writeString(configuration, changed);
        assertEquals(printed, run());
    }
}
