package jp.ad.sinet.stream.utils;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.Diagnostic;
import javax.tools.DiagnosticCollector;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Compiles every block of Java in the README and in {@code docs/}: blocks with a class unchanged, with the others of their
 * page; all others inside a method of a class with the imports that {@code docs/start.md} names. {@code tests/blocks.rs}
 * checks the blocks of other languages.
 */
@Timeout(120)
class BlocksTest {
    private static final Pattern BLOCK =
            Pattern.compile("(?m)^(<!-- not run: [^\\n]+ -->\\n)?```java(?: \\S+)?\\n(.*?)^```$", Pattern.DOTALL);
    private static final Pattern CLASS = Pattern.compile("(?m)^(?:public )?(?:final )?(?:class|interface) (\\w+)");
    /** PluginGuideTest compiles its classes and runs them. */
    private static final Path OF_PARTS = Path.of("plugins.md");
    private static final String IMPORTS = Stream.of("jp.ad.sinet.stream.api", "jp.ad.sinet.stream.api.valuetype",
            "jp.ad.sinet.stream.utils", "java.nio.file", "java.time", "java.util", "java.util.concurrent")
            .map(name -> "import " + name + ".*; ").collect(Collectors.joining());

    @TempDir
    Path classes;

    @Test
    void everyBlockCompiles() throws IOException {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        assumeTrue(compiler != null, "this Java has no compiler");
        List<Path> pages = new ArrayList<>(List.of(Path.of("README.md")));
        try (Stream<Path> docs = Files.list(Path.of("docs"))) {
            docs.filter(page -> page.toString().endsWith(".md")).sorted().forEach(pages::add);
        }
        List<JavaFileObject> snippets = new ArrayList<>();
        Map<Path, List<JavaFileObject>> wholes = new TreeMap<>();
        int notRun = 0;
        int fences = 0;
        for (Path page : pages) {
            String text = Files.readString(page);
            fences += text.split("(?m)^```java\\b", -1).length - 1;
            for (Matcher block = BLOCK.matcher(text); block.find();) {
                Matcher named = CLASS.matcher(block.group(2));
                if (block.group(1) != null || page.endsWith(OF_PARTS)) {
                    notRun++;
                } else if (named.find()) {
                    wholes.computeIfAbsent(page, any -> new ArrayList<>()).add(new Source(named.group(1), block.group(2)));
                } else {
                    String name = page.getFileName().toString().replace(".md", "") + snippets.size();
                    snippets.add(new Source(name, IMPORTS + "class " + name + " { void snippet() throws Exception {\n"
                            + block.group(2) + "}}"));
                }
            }
        }
        int whole = wholes.values().stream().mapToInt(List::size).sum();
        assertEquals(fences, snippets.size() + whole + notRun, "a block is outside");
        assertTrue(snippets.size() > 8 && whole > 2, snippets + " and " + wholes);
        // Classes of one page may need each other, while classes of different pages may have the same name.
        StringBuilder problems = new StringBuilder(problems(compiler, snippets));
        wholes.values().forEach(ofPage -> problems.append(problems(compiler, ofPage)));
        assertEquals("", problems.toString());
    }

    private String problems(JavaCompiler compiler, List<JavaFileObject> sources) {
        DiagnosticCollector<JavaFileObject> said = new DiagnosticCollector<>();
        // The examples need not close every resource.
        List<String> options = List.of("--release", "11", "-proc:none", "-Xlint:all,-try", "-d", classes.toString(),
                "-classpath", System.getProperty("java.class.path"));
        compiler.getTask(null, null, said, options, null, sources).call();
        return said.getDiagnostics().stream()
                .filter(each -> each.getKind() == Diagnostic.Kind.ERROR || each.getKind() == Diagnostic.Kind.WARNING)
                .map(each -> each + "\n").collect(Collectors.joining());
    }

    private static final class Source extends SimpleJavaFileObject {
        private final String text;

        Source(String name, String text) {
            super(URI.create("string:///" + name + ".java"), Kind.SOURCE);
            this.text = text;
        }

        @Override
        public CharSequence getCharContent(boolean ignored) {
            return text;
        }
    }
}
