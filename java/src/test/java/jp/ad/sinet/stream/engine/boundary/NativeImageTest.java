package jp.ad.sinet.stream.engine.boundary;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;

/** What the jar tells GraalVM's native-image is there, and is all that the native library calls. */
class NativeImageTest {
    private static final String FOLDER = "/META-INF/native-image/jp.ad.sinet.stream/sinetstream-jni/";

    private static String read(String name) throws IOException {
        try (InputStream in = NativeImageTest.class.getResourceAsStream(FOLDER + name)) {
            assertNotNull(in, name);
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static Class<?> type(String name) {
        return name.equals("int") ? int.class : byte[].class;
    }

    @Test
    void theMethodsAreThere() throws Exception {
        List<String> names = new ArrayList<>();
        Class<?> owner = null;
        Pattern pattern = Pattern.compile(
                "\"name\": \"([\\w.]+)\"(?:, \"parameterTypes\": \\[((?:\"[^\"]*\"(?:, )?)*)\\])?");
        Matcher part = pattern.matcher(read("jni-config.json"));
        while (part.find()) {
            if (part.group(2) == null) {
                owner = Class.forName(part.group(1));
                continue;
            }
            assertNotNull(owner);
            Class<?>[] types = Arrays.stream(part.group(2).split(",")).map(type -> type(type.replaceAll("[\" ]", "")))
                    .toArray(Class<?>[]::new);
            owner.getDeclaredMethod(part.group(1), types);
            names.add(part.group(1));
        }
        try (Stream<Path> sources = Files.walk(Path.of("src/jni"))) {
            List<String> called = new ArrayList<>();
            for (Path source : sources.filter(Files::isRegularFile).collect(Collectors.toList())) {
                Matcher call = Pattern.compile("jni_str!\\(\"(\\w+)\"\\)").matcher(Files.readString(source));
                while (call.find()) {
                    called.add(call.group(1));
                }
            }
            called.remove("getMessage"); // the JDK's own
            assertEquals(called.stream().sorted().collect(Collectors.toList()),
                    names.stream().sorted().collect(Collectors.toList()));
        }
    }

    @Test
    void theResourcesAreThere() throws IOException {
        String config = read("resource-config.json");
        assertNotNull(NativeImageTest.class.getResource("/jp/ad/sinet/stream/engine/boundary/version.properties"));
        assertTrue(config.contains("native/.*") && config.contains("version\\\\.properties"), config);
    }
}
