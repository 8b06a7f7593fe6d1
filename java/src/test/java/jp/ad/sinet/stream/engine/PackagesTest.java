package jp.ad.sinet.stream.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.spi.ToolProvider;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;

/** The packages of the engine build on each other in one direction. */
class PackagesTest {
    private static final String ROOT = "jp.ad.sinet.stream.";
    private static final String ENGINE = ROOT + "engine";

    private static Path classes() throws URISyntaxException {
        return Path.of(Opening.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    }

    /** Returns, for each package of this library, the packages that its classes use. */
    private static Map<String, Set<String>> named() throws URISyntaxException {
        Optional<ToolProvider> jdeps = ToolProvider.findFirst("jdeps");
        assumeTrue(jdeps.isPresent(), "no jdeps in this JDK");
        StringWriter out = new StringWriter();
        PrintWriter printer = new PrintWriter(out);
        int result = jdeps.get().run(printer, printer, "--ignore-missing-deps", "-verbose:package", classes().toString());
        assertEquals(0, result, out::toString);
        Map<String, Set<String>> named = new TreeMap<>();
        Matcher line = Pattern.compile("(?m)^ +(" + ROOT + "\\S+) +-> (" + ROOT + "\\S+) ").matcher(out.toString());
        while (line.find()) {
            named.computeIfAbsent(line.group(1), from -> new TreeSet<>()).add(line.group(2));
        }
        return named;
    }

    @Test
    void theyHaveNoCircle() throws URISyntaxException {
        Map<String, Set<String>> left = named();
        left.keySet().removeIf(each -> !each.startsWith(ENGINE));
        assertTrue(left.containsKey(ENGINE) && left.size() >= 4, left::toString);
        while (left.keySet().removeIf(each -> left.get(each).stream().noneMatch(left::containsKey))) {
            // Packages without dependencies are removed first, then those that depend only on removed ones.
        }
        assertEquals(Map.of(), left);
    }

    /** The public packages find plugins there, so otherwise they would form a circle with it. */
    @Test
    void whatIsOfTheJvmKnowsNothingOfThisLibrary() throws URISyntaxException {
        assertEquals(Set.of(), named().getOrDefault(ENGINE + ".jvm", Set.of()));
    }

    @Test
    void theListsOfClassesAreWhole() throws Exception {
        Set<String> missing = new TreeSet<>();
        Path sources = Path.of("java/src/main/java", ENGINE.split("\\."));
        try (Stream<Path> all = Files.walk(sources)) {
            for (Path each : (Iterable<Path>) all.filter(path -> path.toString().endsWith(".java"))::iterator) {
                String name = each.getFileName().toString().replace(".java", "");
                String list = Files.readString(each.resolveSibling("package-info.java"));
                if (!name.equals("package-info") && !list.contains("{@link " + name + "}")) {
                    missing.add(sources.relativize(each).toString());
                }
            }
        }
        assertEquals(Set.of(), missing, "the package-info.java beside them does not tell of these");
    }
}
