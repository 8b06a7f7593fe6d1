package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.StringWriter;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;

import org.jspecify.annotations.NullMarked;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import jp.ad.sinet.stream.utils.MessageReaderFactory;

/** The annotations tell compilers and tools the same about null as the documentation tells people. */
class NullnessTest {
    private static final Path ROOT = Path.of("java/src/main/java/jp/ad/sinet/stream");
    private static final List<String> PACKAGES = List.of("api", "api/compression", "api/valuetype", "spi", "utils");

    /** A documentation comment, and the text between it and the body or the semicolon. */
    private static final Pattern DOCUMENTED = Pattern.compile("/\\*\\*((?:(?!\\*/).)*)\\*/\\s*([^;{/]*?)\\s*[;{]", Pattern.DOTALL);
    private static final Pattern METHOD = Pattern.compile("(.*?)(\\w+)\\((.*)\\)[^()]*", Pattern.DOTALL);
    private static final Pattern TAG = Pattern.compile("@(return|param (\\w+)) (.*?)(?= @(?:param|return|throws) |$)");

    private static boolean saysNull(String text) {
        return Pattern.compile("\\b[Nn]ull\\b").matcher(text.replaceAll("(never|not|resolved with) null", "")).find();
    }

    private static List<Path> sources() throws Exception {
        List<Path> sources = new ArrayList<>();
        for (String each : PACKAGES) {
            try (Stream<Path> files = Files.list(ROOT.resolve(each))) {
                files.filter(file -> file.toString().endsWith(".java")).sorted().forEach(sources::add);
            }
        }
        return sources;
    }

    @Test
    void eachPublicPackageIsNullMarked() throws Exception {
        for (String each : PACKAGES) {
            String name = "jp.ad.sinet.stream." + each.replace('/', '.');
            Package found = Class.forName(name + ".package-info").getPackage();
            assertTrue(found.isAnnotationPresent(NullMarked.class), name);
        }
        Set<String> others = new TreeSet<>();
        try (Stream<Path> all = Files.walk(ROOT)) {
            all.filter(file -> file.endsWith("package-info.java")).map(file -> ROOT.relativize(file.getParent()).toString())
                    .filter(name -> !name.startsWith("engine")).forEach(others::add);
        }
        assertEquals(new TreeSet<>(PACKAGES), others, "the public packages");
    }

    @Test
    void whatIsDocumentedAsNullIsAnnotated() throws Exception {
        List<String> wrong = new ArrayList<>();
        int annotated = 0;
        for (Path source : sources()) {
            String text = Files.readString(source);
            Matcher documented = DOCUMENTED.matcher(text);
            while (documented.find()) {
                Matcher method = METHOD.matcher(documented.group(2));
                if (!method.matches() || method.group(1).contains("@NullUnmarked") || documented.group(2).startsWith("package")) {
                    continue;
                }
                String place = source.getFileName() + ": " + method.group(2);
                Matcher tag = TAG.matcher(documented.group(1).replaceAll("\\s*\\n\\s*\\*? ?", " ").trim());
                while (tag.find()) {
                    boolean isReturn = tag.group(2) == null;
                    if (isReturn && method.group(1).matches("(?s).*\\b(boolean|byte|int|long|void) $")) {
                        continue;
                    }
                    String type = isReturn ? method.group(1) : parameter(method.group(3), tag.group(2));
                    boolean isAnnotated = type.replace("extends @Nullable Object", "").contains("@Nullable");
                    annotated += isAnnotated ? 1 : 0;
                    // A builder's documentation says for all its methods that null means "not set".
                    boolean isDocumented = saysNull(tag.group(3)) || !isReturn && method.group(1).matches("(?s).*(Builder<T>|B) ");
                    if (isAnnotated ? !isDocumented && isReturn : saysNull(tag.group(3)) && !type.contains(" names")) {
                        wrong.add(place + ", " + tag.group(1) + ": " + tag.group(3).trim());
                    }
                }
            }
        }
        assertEquals(List.of(), wrong, "what the documentation says of null is not what @Nullable says");
        assertTrue(annotated > 100, () -> "not even the annotations that are there were found");
    }

    private static String parameter(String parameters, String name) {
        return Arrays.stream(parameters.split(",(?![^<]*>)")).filter(each -> each.trim().endsWith(" " + name))
                .collect(Collectors.joining());
    }

    /** This test checks the class files independently of the list of documented methods. */
    @Test
    void theAnnotationsAreInTheClasses() throws Exception {
        assertTrue(MessageReader.class.getMethod("read").getAnnotatedReturnType().isAnnotationPresent(Nullable.class));
        assertTrue(MessageReaderFactory.class.getMethod("getReceiveTimeout").getAnnotatedReturnType()
                .isAnnotationPresent(Nullable.class));
        assertTrue(MessageReaderFactory.builder().getClass().getMethod("service", String.class).getAnnotatedParameterTypes()[0]
                .isAnnotationPresent(Nullable.class));
    }

    /** A field is annotated if its getter is, and so is the field of that name in a builder. */
    @Test
    void theFieldsOfWhatMayBeNullAreAnnotated() throws Exception {
        Set<String> wrong = new TreeSet<>();
        int compared = 0;
        for (Class<?> type : List.of(Message.class, WriteOptions.class, Login.class, ConnectionEvent.class, Metrics.class)) {
            List<Class<?>> types = new ArrayList<>(List.of(type.getDeclaredClasses()));
            types.add(type);
            for (Method getter : type.getDeclaredMethods()) {
                String name = getter.getName().replaceFirst("^get", "");
                for (Class<?> each : types) {
                    for (Field field : each.getDeclaredFields()) {
                        if (field.getName().equalsIgnoreCase(name) && getter.getParameterCount() == 0
                                && getter.getAnnotatedReturnType().isAnnotationPresent(Nullable.class)) {
                            compared++;
                            if (!field.getAnnotatedType().isAnnotationPresent(Nullable.class)) {
                                wrong.add(field.toString());
                            }
                        }
                    }
                }
            }
        }
        assertEquals(Set.of(), wrong);
        assertTrue(compared > 12, "not even those of WriteOptions and its builder were found: " + compared);
    }

    /** The annotations are only for compilers: a project without their jar compiles without a warning. */
    @Test
    void aProgramIsCompiledWithoutTheAnnotations(@TempDir Path folder) throws Exception {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        assumeTrue(compiler != null, "no compiler in this Java");
        String jar = Path.of(MessageReader.class.getProtectionDomain().getCodeSource().getLocation().toURI()).toString();
        String text = "import jp.ad.sinet.stream.api.*;\nimport jp.ad.sinet.stream.utils.*;\n"
                + "class Program implements ConnectionListener, Serializer<String> {\n"
                + "  public void onConnectionEvent(ConnectionEvent event) { System.out.println(event.getBroker()); }\n"
                + "  public byte[] serialize(String text) { return text.getBytes(); }\n"
                + "  static String read() {\n"
                + "    try (MessageReader<String> reader = MessageReaderFactory.<String>builder().service(null).build().getReader()) {\n"
                + "      return reader.read().getValue() + Pair.of(\"a\", null).getV2();\n    }\n  }\n}\n";
        JavaFileObject source = new SimpleJavaFileObject(URI.create("string:///Program.java"), JavaFileObject.Kind.SOURCE) {
            @Override
            public CharSequence getCharContent(boolean ignoreErrors) {
                return text;
            }
        };
        StringWriter said = new StringWriter();
        List<String> options = List.of("-Xlint:all", "-Werror", "-proc:none", "-cp", jar, "-d", folder.toString());
        assertTrue(compiler.getTask(said, null, null, options, null, List.of(source)).call(), said::toString);
        assertEquals("", said.toString());
    }
}
