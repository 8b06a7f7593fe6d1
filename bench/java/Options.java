import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

/** The command line: {@code --name value} pairs. */
final class Options {
    private final Map<String, String> values = new HashMap<>();

    Options(String[] words) {
        if (words.length % 2 != 0) throw new IllegalArgumentException("an option has no value");
        for (int i = 0; i < words.length; i += 2) {
            if (!words[i].startsWith("--")) throw new IllegalArgumentException(words[i] + " is not an option");
            values.put(words[i].substring(2), words[i + 1]);
        }
    }

    /** An option that may be missing: then null. */
    String find(String name) {
        return values.get(name);
    }

    String get(String name) {
        String value = find(name);
        if (value == null) throw new IllegalArgumentException("--" + name + " is missing");
        return value;
    }

    Duration seconds(String name) {
        return Duration.ofMillis(Math.round(Double.parseDouble(get(name)) * 1000));
    }
}
