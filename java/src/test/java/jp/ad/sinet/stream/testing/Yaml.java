package jp.ad.sinet.stream.testing;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** Writes configuration files. */
public final class Yaml {
    private Yaml() {
    }

    /** Writes a file with one service, in the layout of a header version; 0 is the layout without header. */
    public static Path service(Path directory, int header, String name, Map<String, ?> parameters) throws IOException {
        Map<String, Object> services = Map.of(name, parameters);
        Map<String, Object> root = new LinkedHashMap<>();
        if (header == 0) {
            root.putAll(services);
        } else {
            root.put("header", Map.of("version", header));
            root.put("config", services);
        }
        return text(directory, block(root, ""));
    }

    public static Path text(Path directory, String text) throws IOException {
        Path file = Files.createTempFile(directory, "config", ".yml");
        return Files.write(file, text.getBytes(StandardCharsets.UTF_8));
    }

    private static String block(Map<?, ?> map, String indent) {
        return map.entrySet().stream().map(entry -> {
            Object value = entry.getValue();
            boolean nested = value instanceof Map && !((Map<?, ?>) value).isEmpty();
            return indent + entry.getKey() + ":" + (nested ? "\n" + block((Map<?, ?>) value, indent + "  ")
                    : " " + scalar(value) + "\n");
        }).collect(Collectors.joining());
    }

    private static String scalar(Object value) {
        if (value instanceof String) {
            return '"' + ((String) value).replace("\\", "\\\\").replace("\"", "\\\"").replace("\0", "\\0") + '"';
        } else if (value instanceof byte[]) {
            return "!!binary " + Base64.getEncoder().encodeToString((byte[]) value);
        } else if (value instanceof List) {
            return ((List<?>) value).stream().map(Yaml::scalar).collect(Collectors.joining(", ", "[", "]"));
        } else if (value instanceof Map) {
            return "{}";
        }
        return String.valueOf(value);
    }
}
