import java.util.Locale;

/** Pieces of a line of JSON. */
final class Json {
    private Json() {
    }

    static String number(double value) {
        return String.format(Locale.ROOT, "%.3f", value);
    }

    /** Null becomes JSON's. */
    static String quoted(String text) {
        if (text == null) return "null";
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') quoted.append('\\').append(c);
            else if (c < ' ') quoted.append(String.format("\\u%04x", (int) c));
            else quoted.append(c);
        }
        return quoted.append('"').toString();
    }
}
