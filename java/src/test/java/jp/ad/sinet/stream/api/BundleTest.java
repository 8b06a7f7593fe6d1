package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;

import org.apache.felix.framework.FrameworkFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.osgi.framework.Bundle;
import org.osgi.framework.BundleContext;
import org.osgi.framework.Constants;
import org.osgi.framework.ServiceReference;
import org.osgi.framework.launch.Framework;

import jp.ad.sinet.stream.testing.Broker;

/** The jar in an OSGi framework, with the bundle of tests/bundle. */
@Timeout(120)
class BundleTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    @TempDir
    Path folder;

    private static Path jar(Class<?> of) throws URISyntaxException {
        return Path.of(of.getProtectionDomain().getCodeSource().getLocation().toURI());
    }

    private static String output(String name, String... arguments) {
        Optional<ToolProvider> tool = ToolProvider.findFirst(name);
        assumeTrue(tool.isPresent(), "no " + name + " in this JDK");
        StringWriter out = new StringWriter();
        PrintWriter printer = new PrintWriter(out);
        assertEquals(0, tool.get().run(printer, printer, arguments), () -> name + ": " + out);
        return out.toString();
    }

    /** Makes the program's bundle, which imports the packages that it uses and declares its plugin in a services file. */
    private Path program() throws Exception {
        Path classes = folder.resolve("classes");
        List<String> arguments = new ArrayList<>(List.of("-Xlint:all", "-Werror", "-Xlint:-classfile", "--release", "11", "-cp",
                jar(MessageReader.class) + System.getProperty("path.separator") + jar(Framework.class), "-d", classes.toString()));
        try (Stream<Path> sources = Files.list(Path.of("tests/bundle/program"))) {
            sources.map(Path::toString).forEach(arguments::add);
        }
        output("javac", arguments.toArray(new String[0]));
        Manifest manifest = new Manifest();
        Attributes attributes = manifest.getMainAttributes();
        Map.of("Manifest-Version", "1.0", Constants.BUNDLE_MANIFESTVERSION, "2", Constants.BUNDLE_SYMBOLICNAME, "program",
                Constants.BUNDLE_ACTIVATOR, "program.Activator", Constants.IMPORT_PACKAGE, "org.osgi.framework,"
                        + "jp.ad.sinet.stream.api,jp.ad.sinet.stream.api.valuetype,jp.ad.sinet.stream.spi,jp.ad.sinet.stream.utils")
                .forEach(attributes::putValue);
        Path bundle = folder.resolve("program.jar");
        try (OutputStream file = Files.newOutputStream(bundle); JarOutputStream out = new JarOutputStream(file, manifest);
                Stream<Path> all = Files.walk(classes)) {
            for (Path each : (Iterable<Path>) all.filter(Files::isRegularFile)::iterator) {
                add(out, classes.relativize(each).toString().replace('\\', '/'), Files.readAllBytes(each));
            }
            add(out, "META-INF/services/jp.ad.sinet.stream.spi.CompressionProvider",
                    "program.Reversed\n".getBytes(StandardCharsets.UTF_8));
        }
        return bundle;
    }

    private static void add(JarOutputStream out, String name, byte[] content) throws IOException {
        out.putNextEntry(new ZipEntry(name));
        out.write(content);
        out.closeEntry();
    }

    private static Bundle installed(BundleContext context, Path bundle) throws Exception {
        try (InputStream in = Files.newInputStream(bundle)) {
            return context.installBundle(bundle.getFileName().toString(), in);
        }
    }

    @Test
    void aBundleWritesAndReads() throws Exception {
        Framework framework = new FrameworkFactory().newFramework(Map.of(Constants.FRAMEWORK_STORAGE,
                folder.resolve("storage").toString(), "test.broker", BROKER.open()));
        framework.start();
        try {
            BundleContext context = framework.getBundleContext();
            Bundle library = installed(context, jar(MessageReader.class));
            Bundle program = installed(context, program());
            program.start();
            assertEquals(Bundle.ACTIVE, program.getState());
            assertEquals("jp.ad.sinet.stream", library.getSymbolicName());
            @SuppressWarnings("rawtypes")
            Collection<ServiceReference<Callable>> exchange = context.getServiceReferences(Callable.class, "(name=exchange)");
            assertEquals("HELLO", context.getService(exchange.iterator().next()).call());
        } finally {
            framework.stop();
            framework.waitForStop(0);
        }
    }

    /** The classes of a bundle cannot find a package that is not imported. */
    @Test
    void whatTheClassesNameIsImported() throws Exception {
        Path jar = jar(MessageReader.class);
        Attributes manifest;
        try (JarFile file = new JarFile(jar.toFile())) {
            manifest = file.getManifest().getMainAttributes();
        }
        Set<String> named = new TreeSet<>();
        Matcher line = Pattern.compile("(?m)^ +jp\\.ad\\.\\S+ +-> (\\S+) ")
                .matcher(output("jdeps", "--ignore-missing-deps", "-verbose:package", jar.toString()));
        while (line.find()) {
            String name = line.group(1);
            if (!name.startsWith("java.") && !name.startsWith("jp.ad.sinet.stream.")
                    && !name.startsWith("org.jspecify.")) { // annotations, which are not loaded
                named.add(name);
            }
        }
        assertEquals(named, packages(manifest.getValue(Constants.IMPORT_PACKAGE)));
        Set<String> exported = packages(manifest.getValue(Constants.EXPORT_PACKAGE));
        assertEquals(ModuleFinder.of(jar).find("jp.ad.sinet.stream").orElseThrow().descriptor().exports().stream()
                .map(ModuleDescriptor.Exports::source).collect(Collectors.toCollection(TreeSet::new)), exported);
    }

    private static Set<String> packages(String header) {
        return Arrays.stream(header.split(",(?=(?:[^\"]*\"[^\"]*\")*[^\"]*$)")).map(each -> each.split(";")[0])
                .collect(Collectors.toCollection(TreeSet::new));
    }
}
