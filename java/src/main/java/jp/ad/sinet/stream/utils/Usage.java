package jp.ad.sinet.stream.utils;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.TreeMap;
import java.util.stream.Collectors;

import jp.ad.sinet.stream.engine.boundary.KnownParameters;

/** Prints the methods of the builders and the parameters: the main class of {@code java -jar}. */
public class Usage {
    /** Makes an instance without state. */
    public Usage() {
    }

    /**
     * Prints the builders' methods and the parameters to standard output.
     *
     * @param arguments not used
     */
    public static void main(String[] arguments) {
        print("MessageWriterFactory.<T>builder()", MessageWriterFactory.MessageWriterFactoryBuilder.class);
        print("MessageReaderFactory.<T>builder()", MessageReaderFactory.MessageReaderFactoryBuilder.class);
        System.out.println("Parameters: in a configuration file, or .parameter(\"name\", value)");
        KnownParameters.all().forEach(
                (name, note) -> System.out.println("    " + name + (note.isEmpty() ? "" : "    (" + note + ")")));
    }

    private static void print(String start, Class<?> builder) {
        System.out.println(start);
        TreeMap<String, String> methods = new TreeMap<>();
        for (Method method : builder.getDeclaredMethods()) {
            if (Modifier.isPublic(method.getModifiers()) && method.getReturnType() == builder) {
                methods.put(method.getName(), Arrays.stream(method.getParameterTypes()).map(Class::getSimpleName)
                        .collect(Collectors.joining(", ")));
            }
        }
        methods.forEach((name, types) -> System.out.println("    ." + name + "(" + types + ")"));
        System.out.println("    .build()");
        System.out.println();
    }
}
