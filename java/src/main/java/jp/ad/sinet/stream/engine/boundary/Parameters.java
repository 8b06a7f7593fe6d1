package jp.ad.sinet.stream.engine.boundary;

import java.io.File;
import java.lang.reflect.Array;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.file.FileSystems;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.ValueType;

/**
 * Copies parameter values of a user into the few types that {@link Tree} knows. Errors name the place and the class, never
 * the value, which may be a secret.
 */
final class Parameters {
    private static final int MAX_DEPTH = 64;
    /** The limit of values, because a structure that refers to one part many times grows exponentially when it is copied. */
    private static final int MAX_VALUES = 1_000_000;
    private static final String VALUE_TYPE = "value_type";

    private final Map<String, ValueType> valueTypes;
    private int depth;
    private int values;

    /** {@code valueTypes} receives the value types that are found. */
    Parameters(Map<String, ValueType> valueTypes) {
        this.valueTypes = valueTypes;
    }

    Map<String, Object> map(String path, Map<?, ?> map) {
        enter(path);
        Map<String, Object> copy = new LinkedHashMap<>();
        map.forEach((key, value) -> {
            String name = name(path, key);
            if (copy.containsKey(name)) {
                throw invalid(path, "the name '" + name + "' is given twice, as objects of different classes");
            }
            copy.put(name, value(path.isEmpty() ? name : path + "." + name, value));
        });
        depth--;
        return copy;
    }

    /** Converts a key to a name, as YAML does for all scalars. */
    private static String name(String path, Object key) {
        if (key instanceof CharSequence || key instanceof Character || key instanceof Boolean) {
            return string(path, key.toString());
        } else if (key instanceof Enum) {
            return ((Enum<?>) key).name();
        } else if (key instanceof Number) {
            Object number = number(path, (Number) key);
            return number instanceof Double && (Double) number == ((Double) number).longValue()
                    ? String.valueOf(((Double) number).longValue()) : number.toString();
        }
        throw invalid(path, "the name of a parameter must be a string or a number, not " + className(key));
    }

    Object value(String path, Object value) {
        if (++values > MAX_VALUES) {
            throw invalid(path, "more than " + MAX_VALUES + " values");
        }
        if (value == null || value instanceof Boolean || value instanceof byte[]) {
            return value;
        } else if (value instanceof ValueType && isValueType(path)) {
            return valueType(path, (ValueType) value);
        } else if (value instanceof CharSequence || value instanceof Character) {
            return string(path, value.toString());
        } else if (value instanceof File) {
            return text(path, HostPath.of(value.toString()));
        } else if (value instanceof Path) {
            return text(path, file(path, (Path) value));
        } else if (value instanceof char[]) {
            return string(path, new String((char[]) value));
        } else if (value instanceof Enum) {
            return ((Enum<?>) value).name();
        } else if (value instanceof Number) {
            return number(path, (Number) value);
        } else if (value instanceof Map) {
            return map(path, (Map<?, ?>) value);
        } else if (value instanceof Collection) {
            return list(path, (Collection<?>) value);
        } else if (value.getClass().isArray()) {
            return array(path, value);
        }
        throw unsupported(path, value);
    }

    private static boolean isValueType(String path) {
        return path.equals(VALUE_TYPE) || path.endsWith("." + VALUE_TYPE);
    }

    private String valueType(String path, ValueType type) {
        String name;
        try {
            name = type.getName();
        } catch (RuntimeException e) {
            InvalidConfigurationException failure = invalid(path, "the value type " + className(type) + " fails to tell its name");
            failure.initCause(e);
            throw failure;
        }
        if (name == null) {
            throw invalid(path, "the value type " + className(type) + " has no name");
        }
        valueTypes.put(string(path, name), type);
        return name;
    }

    private static Object number(String path, Number number) {
        if (number instanceof Long || number instanceof Integer || number instanceof Short || number instanceof Byte
                || number instanceof AtomicInteger || number instanceof AtomicLong) {
            return number.longValue();
        } else if (number instanceof Double || number instanceof Float) {
            return number.doubleValue();
        } else if (number instanceof BigInteger) {
            if (((BigInteger) number).bitLength() >= Long.SIZE) {
                throw invalid(path, "the number is out of range");
            }
            return number.longValue();
        } else if (number instanceof BigDecimal) {
            try {
                return ((BigDecimal) number).longValueExact();
            } catch (ArithmeticException e) {
                return number.doubleValue(); // it has a fraction, or is too large for a long
            }
        }
        throw unsupported(path, number);
    }

    private List<Object> list(String path, Collection<?> items) {
        enter(path);
        List<Object> copy = new ArrayList<>();
        for (Object item : items) {
            copy.add(value(path + "[" + copy.size() + "]", item));
        }
        depth--;
        return copy;
    }

    private List<Object> array(String path, Object array) {
        enter(path);
        List<Object> copy = new ArrayList<>();
        for (int i = 0; i < Array.getLength(array); i++) {
            copy.add(value(path + "[" + i + "]", Array.get(array, i)));
        }
        depth--;
        return copy;
    }

    private void enter(String path) {
        if (++depth > MAX_DEPTH) {
            throw invalid(shortened(path), "nested more than " + MAX_DEPTH + " levels deep");
        }
    }

    /** Converts a path by {@link HostPath}; it must be a path of this host. */
    static Object file(String path, Path file) {
        if (file.getFileSystem() != FileSystems.getDefault()) {
            throw invalid(path, "a Path of another file system ('" + file.getFileSystem().provider().getScheme()
                    + "'); only files of the default file system can be read");
        }
        return HostPath.of(file);
    }

    private static String text(String path, Object file) {
        if (file instanceof byte[]) {
            throw invalid(path, "the file's name is not UTF-8");
        }
        return string(path, (String) file);
    }

    /** Returns the string itself if it can be encoded in UTF-8; otherwise throws. */
    private static String string(String path, String string) {
        for (int i = 0; i < string.length(); i++) {
            if (Character.isSurrogate(string.charAt(i))) {
                boolean pair = i + 1 < string.length()
                        && Character.isSurrogatePair(string.charAt(i), string.charAt(i + 1));
                if (!pair) {
                    throw invalid(path, "unpaired surrogate at index " + i + " of the string");
                }
                i++;
            }
        }
        return string;
    }

    private static String shortened(String path) {
        int limit = 60;
        return path.length() <= limit ? path : path.substring(0, limit) + "…";
    }

    private static InvalidConfigurationException unsupported(String path, Object value) {
        return invalid(path, "an object of " + className(value) + " cannot be a value");
    }

    private static String className(Object object) {
        return object == null ? "null" : "class " + object.getClass().getName();
    }

    private static InvalidConfigurationException invalid(String path, String problem) {
        String place = path.isEmpty() ? "parameters" : "parameter " + path;
        return new InvalidConfigurationException(place + ": " + problem);
    }
}
