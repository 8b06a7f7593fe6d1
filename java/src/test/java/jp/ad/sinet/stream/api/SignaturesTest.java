package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.Executable;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

import javax.tools.ToolProvider;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Compares the jar with the public signatures of SINETStream's Java library 1.9.2 ({@code tests/data/java-api.txt}, in
 * javap's format), and prints the missing ones. Signatures are compared as the JVM links them, so that programs that were
 * compiled against that library run.
 */
class SignaturesTest {
    private static final Path LIST = Path.of("tests/data/java-api.txt");
    private static final Path LEFT_OUT = Path.of("tests/data/java-api-left-out.txt");
    private static final Pattern HEADER = Pattern.compile(
            "public (?:(?:abstract|final|static) )*(class|interface) ([\\w.$]+)(<.*?>)?(?: extends | implements |).*\\{");

    /** Returns type variables, each with the class that the JVM uses for it. */
    private static Map<String, String> variables(String declared, Map<String, String> outer) {
        Map<String, String> variables = new LinkedHashMap<>(outer);
        if (declared != null) {
            for (String one : split(declared.substring(1, declared.length() - 1))) {
                String[] parts = one.trim().split(" extends ", 2);
                variables.put(parts[0], parts.length > 1 ? erased(parts[1], variables) : "java.lang.Object");
            }
        }
        return variables;
    }

    /** Returns the parts between commas outside of angle brackets. */
    private static List<String> split(String list) {
        List<String> parts = new ArrayList<>();
        int depth = 0;
        StringBuilder part = new StringBuilder();
        for (char c : list.toCharArray()) {
            depth += c == '<' ? 1 : c == '>' ? -1 : 0;
            if (c == ',' && depth == 0) {
                parts.add(part.toString());
                part.setLength(0);
            } else {
                part.append(c);
            }
        }
        if (!part.toString().trim().isEmpty()) {
            parts.add(part.toString());
        }
        return parts;
    }

    private static String erased(String type, Map<String, String> variables) {
        StringBuilder plain = new StringBuilder();
        int depth = 0;
        for (char c : type.trim().toCharArray()) {
            if (c == '<') {
                depth++;
            } else if (c == '>') {
                depth--;
            } else if (depth == 0) {
                plain.append(c);
            }
        }
        String name = plain.toString().replace("...", "[]");
        String element = name.replace("[]", "");
        return variables.getOrDefault(element, element) + name.substring(element.length());
    }

    /** Returns a member's line in the form of {@link #described}. */
    private static String member(String line, String className, Map<String, String> ofClass) {
        String rest = line.trim().replaceFirst("^public ", "").replaceAll(";$", "").replaceFirst(" throws .*$", "");
        String modifiers = "";
        Matcher modifier = Pattern.compile("^(abstract|static|final|default|synchronized|native) ").matcher(rest);
        while (modifier.find()) {
            modifiers += modifier.group(1).equals("static") ? "static " : "";
            rest = rest.substring(modifier.end());
            modifier.reset(rest);
        }
        Map<String, String> variables = ofClass;
        if (rest.startsWith("<")) {
            int end = 0;
            for (int depth = 0; end < rest.length(); end++) {
                depth += rest.charAt(end) == '<' ? 1 : rest.charAt(end) == '>' ? -1 : 0;
                if (depth == 0) {
                    break;
                }
            }
            variables = variables(rest.substring(0, end + 1), ofClass);
            rest = rest.substring(end + 1).trim();
        }
        int open = rest.indexOf('(');
        if (open < 0) {
            int space = rest.lastIndexOf(' ');
            return modifiers + erased(rest.substring(0, space), variables) + " " + rest.substring(space + 1);
        }
        Map<String, String> known = variables;
        String parameters = split(rest.substring(open + 1, rest.lastIndexOf(')'))).stream()
                .map(type -> erased(type, known)).collect(Collectors.joining(","));
        String head = rest.substring(0, open);
        if (head.equals(className)) {
            return "new(" + parameters + ")";
        }
        int space = head.lastIndexOf(' ');
        return modifiers + erased(head.substring(0, space), variables) + " " + head.substring(space + 1) + "(" + parameters
                + ")";
    }

    private static TreeSet<String> described(Class<?> type) {
        TreeSet<String> members = new TreeSet<>();
        for (Constructor<?> constructor : type.getConstructors()) {
            members.add("new(" + parameters(constructor) + ")");
        }
        for (Method method : type.getMethods()) {
            members.add((Modifier.isStatic(method.getModifiers()) ? "static " : "")
                    + name(method.getReturnType()) + " " + method.getName() + "(" + parameters(method) + ")");
        }
        for (Field field : type.getFields()) {
            members.add((Modifier.isStatic(field.getModifiers()) ? "static " : "") + name(field.getType()) + " "
                    + field.getName());
        }
        return members;
    }

    private static String parameters(Executable executable) {
        return Arrays.stream(executable.getParameterTypes()).map(SignaturesTest::name).collect(Collectors.joining(","));
    }

    private static String name(Class<?> type) {
        return type.isArray() ? name(type.getComponentType()) + "[]" : type.getName();
    }

    private static Class<?> load(String name) {
        try {
            return Class.forName(name, false, SignaturesTest.class.getClassLoader());
        } catch (ClassNotFoundException e) {
            return null;
        }
    }

    /** Returns the reasons for omissions by class, and by class and member. */
    private static Map<String, String> leftOut() throws IOException {
        Map<String, String> reasons = new LinkedHashMap<>();
        for (String line : Files.readAllLines(LEFT_OUT)) {
            if (!line.isEmpty() && !line.startsWith("#")) {
                String[] parts = line.split(" +: +", 2);
                assertEquals(2, parts.length, line);
                reasons.put(parts[0], parts[1]);
            }
        }
        return reasons;
    }

    private static String argument(Class<?> type) {
        return type == boolean.class ? "false" : type.isPrimitive() ? "(" + type.getName() + ") 0"
                : "(" + type.getCanonicalName() + ") null";
    }

    private static String call(String target, Executable executable) {
        return target + "(" + Arrays.stream(executable.getParameterTypes()).map(SignaturesTest::argument)
                .collect(Collectors.joining(", ")) + ");";
    }

    /** Returns a statement for each member of a class. */
    private static List<String> uses(Class<?> type) {
        String name = type.getCanonicalName();
        List<String> uses = new ArrayList<>();
        if (!Modifier.isAbstract(type.getModifiers())) {
            for (Constructor<?> constructor : type.getConstructors()) {
                uses.add(call("new " + name, constructor));
            }
        }
        for (Method method : type.getMethods()) {
            boolean isStatic = Modifier.isStatic(method.getModifiers());
            if (!method.isBridge() && !method.getDeclaringClass().getName().startsWith("java.")
                    && !(isStatic && method.getDeclaringClass() != type)) {
                uses.add(call((isStatic ? name : "((" + name + ") null)") + "." + method.getName(), method));
            }
        }
        for (Field field : type.getFields()) {
            uses.add("use(" + field.getDeclaringClass().getCanonicalName() + "." + field.getName() + ");");
        }
        return uses;
    }

    @Test
    void aProgramThatUsesEveryClassCompilesAndRuns(@TempDir Path folder) throws Exception {
        assumeTrue(ToolProvider.getSystemJavaCompiler() != null, "this Java has no compiler");
        StringBuilder program = new StringBuilder("public class Everything {\n"
                + "    static void use(Object object) {\n    }\n\n");
        int classes = 0;
        int uses = 0;
        for (String line : Files.readAllLines(LIST)) {
            Matcher header = HEADER.matcher(line);
            Class<?> type = header.matches() ? load(header.group(2)) : null;
            if (type == null) {
                continue;
            }
            program.append("    static void use").append(classes++).append("() throws Throwable {\n");
            for (String use : uses(type)) {
                program.append("        ").append(use).append('\n');
                uses++;
            }
            program.append("    }\n\n");
        }
        program.append("    public static void main(String[] arguments) {\n        System.setProperty(\"everything\", \"ran\");\n"
                + "    }\n}\n");
        assertTrue(classes > 45 && uses > 400, classes + " classes, " + uses + " uses");
        Path source = Files.writeString(folder.resolve("Everything.java"), program);
        ByteArrayOutputStream said = new ByteArrayOutputStream();
        int status = ToolProvider.getSystemJavaCompiler().run(null, said, said, "-proc:none", "-nowarn", "-cp",
                System.getProperty("java.class.path"), "-d", folder.toString(), source.toString());
        assertEquals(0, status, said::toString);
        try (URLClassLoader loader = new URLClassLoader(new URL[] {folder.toUri().toURL()})) {
            loader.loadClass("Everything").getMethod("main", String[].class).invoke(null, (Object) new String[0]);
        }
        assertEquals("ran", System.clearProperty("everything"));
    }

    @Test
    void nothingIsMissing() throws IOException {
        Map<String, String> reasons = leftOut();
        TreeSet<String> unused = new TreeSet<>(reasons.keySet());
        List<String> missing = new ArrayList<>();
        int compared = 0;
        int leftOut = 0;
        String className = null;
        Map<String, String> variables = Collections.emptyMap();
        TreeSet<String> members = null;
        boolean skipped = false;
        for (String line : Files.readAllLines(LIST)) {
            if (line.trim().isEmpty() || line.equals("}")) {
                continue;
            }
            Matcher header = HEADER.matcher(line);
            String key;
            boolean found;
            if (header.matches()) {
                className = header.group(2);
                variables = variables(header.group(3), Collections.emptyMap());
                Class<?> type = load(className);
                found = type != null && type.isInterface() == header.group(1).equals("interface");
                members = found ? described(type) : null;
                key = className;
                skipped = reasons.containsKey(className);
            } else {
                String member = member(line, className, variables);
                key = className + " " + member;
                found = members != null && members.contains(member);
            }
            compared++;
            if (found) {
                continue;
            }
            if (skipped || reasons.containsKey(key)) {
                leftOut++;
                unused.remove(key);
            } else {
                missing.add(key);
            }
        }
        missing.forEach(each -> System.out.println("missing: " + each));
        System.out.println("signatures: " + compared + ", left out on purpose: " + leftOut + ", missing: " + missing.size());
        assertTrue(compared > 500, () -> "too few signatures in " + LIST);
        assertEquals(List.of(), missing);
        assertEquals(new TreeSet<String>(), unused, "left out, but there");
    }
}
