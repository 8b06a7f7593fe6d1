package jp.ad.sinet.stream.engine.boundary;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.lang.invoke.MethodType;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

import jp.ad.sinet.stream.spi.ValueTypeProvider;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Certificates;
import jp.ad.sinet.stream.testing.ChildJvm;
import jp.ad.sinet.stream.testing.Processes;

/** The configuration for GraalVM's native-image in the jar lists exactly what is looked up at run time. */
@Timeout(240)
class NativeImageTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    private static final String FOLDER = "/META-INF/native-image/jp.ad.sinet.stream/sinetstream-jni/";
    private static final Path SOURCES = Path.of("java/src/main/java/jp/ad/sinet/stream");

    @TempDir
    Path folder;

    private static String read(String name) throws IOException {
        try (InputStream in = NativeImageTest.class.getResourceAsStream(FOLDER + name)) {
            assertNotNull(in, name);
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    /** Returns, for each class of a list, its methods with the types of their parameters. */
    private static Map<String, Set<String>> listed(String name) throws IOException {
        Map<String, Set<String>> listed = new TreeMap<>();
        Set<String> methods = null;
        Matcher part = Pattern.compile("\"name\": \"([^\"]+)\"(?:, \"parameterTypes\": \\[((?:\"[^\"]*\"(?:, )?)*)\\])?").matcher(read(name));
        while (part.find()) {
            if (part.group(2) == null) {
                methods = new TreeSet<>();
                assertEquals(null, listed.put(part.group(1), methods), "twice: " + part.group(1));
            } else {
                methods.add(part.group(1) + "(" + part.group(2).replaceAll("[\" ]", "") + ")");
            }
        }
        return listed;
    }

    /**
     * Returns the lookups of the native library in a program that makes it call all of Java that it can call; see
     * tests/jni/lookups.c.
     */
    private Map<String, Set<String>> lookedUp() throws Exception {
        Path home = Path.of(System.getProperty("java.home"));
        assumeTrue(Files.exists(home.resolve("include/jvmti.h")), "no headers in this JDK");
        assumeTrue(Files.exists(home.resolve("include/linux")), "the agent is built for Linux only");
        Path agent = folder.resolve("liblookups.so");
        Processes.run(List.of("cc", "-shared", "-fPIC", "-I" + home.resolve("include"), "-I" + home.resolve("include/linux"),
                "tests/jni/lookups.c", "-o", agent.toString()));
        Path out = folder.resolve("lookups");
        ChildJvm.Result result = new ChildJvm().option("-agentpath:" + agent + "=" + out).run("jni-calls", BROKER.open(),
                BROKER.login(), BROKER.tls(), Certificates.get().trustStore.toString(), folder.resolve("services").toString());
        assertTrue(result.ended && result.exitCode == 0, result::toString);

        Map<String, Set<String>> found = new TreeMap<>();
        for (String line : Files.readAllLines(out)) {
            String[] words = line.split(" ");
            if (words[0].equals("class")) {
                Class<?> type = Class.forName(words[1].replace('/', '.'));
                Set<String> methods = found.computeIfAbsent(type.getName(), each -> new TreeSet<>());
                if (Throwable.class.isAssignableFrom(type)) {
                    methods.add("<init>(java.lang.String)"); // ThrowNew looks this up itself
                }
                continue;
            }
            assertEquals("method", words[0], "the lists have no fields: " + line);
            Class<?>[] types = MethodType.fromMethodDescriptorString(words[3], null).parameterArray();
            Class<?> owner = owner(Class.forName(words[1].substring(1, words[1].length() - 1).replace('/', '.')), words[2], types);
            found.computeIfAbsent(owner.getName(), each -> new TreeSet<>()).add(words[2] + "("
                    + Arrays.stream(types).map(Class::getTypeName).collect(Collectors.joining(",")) + ")");
        }
        return found;
    }

    /** Returns the class that declares the method. */
    private static Class<?> owner(Class<?> type, String name, Class<?>... types) throws NoSuchMethodException {
        if (name.equals("<init>")) {
            type.getDeclaredConstructor(types);
            return type;
        }
        for (Class<?> each = type; each != null; each = each.getSuperclass()) {
            if (Arrays.stream(each.getDeclaredMethods()).anyMatch(method -> method.getName().equals(name)
                    && Arrays.equals(method.getParameterTypes(), types))) {
                return each;
            }
        }
        throw new NoSuchMethodException(type + ": " + name);
    }

    @Test
    void theListForJniHasWhatTheLibraryLooksUpAndNothingElse() throws Exception {
        Map<String, Set<String>> found = lookedUp();
        assertEquals(listed("jni-config.json"), found);
    }

    /** Every class that is looked up by a computed name is in this list, or belongs to the program. */
    @Test
    void theListForReflectionHasWhatIsLookedUpByName() throws Exception {
        Set<String> looking = new TreeSet<>();
        try (Stream<Path> all = Files.walk(SOURCES)) {
            for (Path each : (Iterable<Path>) all.filter(Files::isRegularFile)::iterator) {
                if (Pattern.compile("Class\\.forName\\(|\\.get(Declared)?(Constructor|Method|Field)s?\\(\\w*[,.)]|new StandardMBean")
                        .matcher(Files.readString(each)).find()) {
                    looking.add(SOURCES.relativize(each).toString());
                }
            }
        }
        assertEquals(Set.of("engine/boundary/Needed.java", "engine/jvm/Plugins.java", "engine/client/ClientBean.java",
                "engine/client/Codecs.java", "utils/MessageUtils.java", // classes that the program or its configuration names
                "utils/Usage.java"), // the text that the jar prints when it is started
                looking);

        Map<String, Set<String>> expected = new TreeMap<>();
        Needed.names().forEach(name -> expected.put(name, Set.of()));
        kinds().forEach(name -> expected.put(name, Set.of()));
        expected.put("jp.ad.sinet.stream.api.ClientMXBean", Set.of());
        try (Stream<Path> files = Files.list(SOURCES.resolve("api/valuetype"))) { // a configuration may name these, too
            files.map(file -> file.getFileName().toString()).filter(name -> name.matches("\\w+(S|Des)erializer.java"))
                    .forEach(name -> expected.put("jp.ad.sinet.stream.api.valuetype." + name.replace(".java", ""), Set.of("<init>()")));
        }
        assertEquals(expected, listed("reflect-config.json"));
        for (String name : expected.keySet()) {
            Class.forName(name);
        }
    }

    private static Set<String> kinds() throws IOException {
        try (Stream<Path> files = Files.list(SOURCES.resolve("spi"))) {
            return files.map(file -> file.getFileName().toString().replace(".java", ""))
                    .filter(name -> name.endsWith("Provider") && !name.equals("SinetMessageProvider"))
                    .map(name -> ValueTypeProvider.class.getPackageName() + "." + name).collect(Collectors.toCollection(TreeSet::new));
        }
    }

    @Test
    void theResourcesAreThere() throws IOException {
        String config = read("resource-config.json");
        assertNotNull(NativeImageTest.class.getResource("/jp/ad/sinet/stream/engine/boundary/version.properties"));
        assertTrue(config.contains("native/.*") && config.contains("version\\\\.properties"), config);
    }
}
