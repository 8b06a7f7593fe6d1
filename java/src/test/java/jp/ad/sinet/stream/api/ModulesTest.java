package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.Processes;

/** Programs on the module path: those of tests/modules, compiled and run as their authors would. */
@Timeout(300)
class ModulesTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    private static final String MODULE = "jp.ad.sinet.stream";
    private static final int NATIVE_ACCESS_SINCE = 17;

    @TempDir
    Path folder;

    private static String jar() throws Exception {
        return Path.of(MessageReader.class.getProtectionDomain().getCodeSource().getLocation().toURI()).toString();
    }

    private static String onClassPath(String name) {
        return Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator))
                .filter(entry -> entry.contains(name)).map(entry -> Path.of(entry).toAbsolutePath().toString())
                .findFirst().orElseThrow(() -> new AssertionError(name + " is not on the class path"));
    }

    private static void tool(String name, List<String> arguments) {
        Optional<ToolProvider> tool = ToolProvider.findFirst(name);
        assumeTrue(tool.isPresent(), "no " + name + " in this JDK");
        StringWriter out = new StringWriter();
        PrintWriter printer = new PrintWriter(out);
        int result = tool.get().run(printer, printer, arguments.toArray(new String[0]));
        assertEquals(0, result, () -> name + ": " + out);
        assertEquals("", out.toString(), name);
    }

    /** Compiles a module of tests/modules; a warning is an error. */
    private String compiled(String name, String... path) throws IOException {
        Path to = folder.resolve(name);
        List<String> arguments = new ArrayList<>(List.of("-Xlint:all", "-Xlint:-requires-automatic", "-Werror", "--release", "11",
                "--class-path", folder.toString(), "--module-path", String.join(File.pathSeparator, path), "-d", to.toString()));
        try (Stream<Path> sources = Files.walk(Path.of("tests/modules", name))) {
            sources.filter(file -> file.toString().endsWith(".java")).map(Path::toString).forEach(arguments::add);
        }
        tool("javac", arguments);
        return to.toString();
    }

    /** Returns the output of a JVM in which native access is allowed only to the module. */
    private String run(String java, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(java));
        if (Runtime.version().feature() >= NATIVE_ACCESS_SINCE) {
            command.add("--enable-native-access=" + MODULE);
        }
        command.addAll(List.of(arguments));
        return Processes.output(command);
    }

    private static String java(Path home) {
        return home.resolve("bin").resolve("java").toString();
    }

    private static final Path HOME = Path.of(System.getProperty("java.home"));
    private static final String HIDDEN = "value_deserializer: class program.hidden.HiddenDeserializer: it must be public, not"
            + " abstract, with a public constructor without parameters, in a package that its module exports";

    private static void hasExchanged(String said, boolean desktop) {
        assertEquals(List.of("HELLO", HIDDEN, "module " + MODULE + ", java.desktop: " + desktop),
                said.lines().collect(Collectors.toList()));
    }

    /** Neither JDeferred nor JSpecify is present, at compile time or at run time. */
    @Test
    void aProgramWithAPluginInModulesWritesAndReads() throws Exception {
        String plugin = compiled("plugin", jar());
        String program = compiled("program", jar());
        hasExchanged(run(java(HOME), "--module-path", String.join(File.pathSeparator, jar(), plugin, program), "--module",
                "program/program.Main", BROKER.open(), Clients.topic()), true);
    }

    @Test
    void anAsynchronousWriterNeedsJDeferredAlone() throws Exception {
        String path = String.join(File.pathSeparator, jar(), onClassPath("jdeferred-core"), onClassPath("slf4j-api"));
        String program = compiled("asynchronous", path.split(File.pathSeparator));
        String said = run(java(HOME), "--module-path", path + File.pathSeparator + program, "--module",
                "asynchronous/asynchronous.Main", BROKER.open(), Clients.topic());
        assertTrue(said.lines().anyMatch("done"::equals), said);
    }

    /** An image contains the required modules, and so neither java.desktop nor java.management. */
    @Test
    void anImageOfJlinkIsEnough() throws Exception {
        assumeTrue(Files.isDirectory(HOME.resolve("jmods")), "this JDK has no modules to link");
        String plugin = compiled("plugin", jar());
        String program = compiled("program", jar());
        Path image = folder.resolve("image");
        tool("jlink", List.of("--module-path", String.join(File.pathSeparator, jar(), plugin, program), "--add-modules",
                "program,plugin", "--output", image.toString()));
        hasExchanged(run(java(image), "--module", "program/program.Main", BROKER.open(), Clients.topic()), false);
    }

    /** A program on the module path finds the same plugins of this library as one on the class path. */
    @Test
    void theModuleProvidesAndUsesWhatTheClassPathDoes() throws Exception {
        ModuleDescriptor module = ModuleFinder.of(Path.of(jar())).find(MODULE).orElseThrow().descriptor();
        Map<String, Set<String>> provided = new HashMap<>();
        for (ModuleDescriptor.Provides each : module.provides()) {
            provided.put(each.service(), new TreeSet<>(each.providers()));
        }
        Map<String, Set<String>> inFiles = new HashMap<>();
        try (Stream<Path> files = Files.list(Path.of("java/src/main/resources/META-INF/services"))) {
            for (Path file : (Iterable<Path>) files::iterator) {
                inFiles.put(file.getFileName().toString(), new TreeSet<>(Files.readAllLines(file, StandardCharsets.UTF_8)));
            }
        }
        assertEquals(inFiles, provided);
        Set<String> kinds = new TreeSet<>();
        try (Stream<Path> files = Files.list(Path.of("java/src/main/java/jp/ad/sinet/stream/spi"))) {
            files.map(file -> file.getFileName().toString()).filter(name -> name.endsWith("Provider.java"))
                    .filter(name -> !name.equals("SinetMessageProvider.java")) // the common interface
                    .forEach(name -> kinds.add(MODULE + ".spi." + name.replace(".java", "")));
        }
        assertEquals(kinds, new TreeSet<>(module.uses()));
    }
}
