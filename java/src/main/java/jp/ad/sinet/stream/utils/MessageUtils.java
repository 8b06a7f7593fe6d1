package jp.ad.sinet.stream.utils;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.NoServiceException;

/** Converts values of parameters, for plugins. Thread-safe. */
public class MessageUtils {
    /** Makes an instance without state; all methods are static. */
    public MessageUtils() {
    }

    /**
     * Selects a service.
     *
     * @param services the services by name
     * @param service the name; null if there is only one
     * @param <V> the type of a service
     * @return the service
     * @throws NoServiceException if there is none of that name, or several and no name is given
     */
    public static <V> V getServiceParam(Map<String, V> services, @Nullable String service) {
        if (service == null) {
            if (services.size() == 1) {
                return services.values().iterator().next();
            }
            throw new NoServiceException("none of the services is named: " + services.keySet());
        }
        V found = services.get(service);
        if (found == null) {
            throw new NoServiceException("there is no service '" + service + "', only " + services.keySet());
        }
        return found;
    }

    /**
     * Converts a boolean.
     *
     * @param value a boolean, or one of the words true, false, yes, no, on and off; or null
     * @return the boolean, or null
     * @throws InvalidConfigurationException if the value is anything else
     */
    public static @Nullable Boolean toBoolean(@Nullable Object value) {
        if (value == null || value instanceof Boolean) {
            return (Boolean) value;
        }
        switch (value instanceof String ? ((String) value).trim().toLowerCase(Locale.ROOT) : "") {
            case "true":
            case "yes":
            case "on":
                return true;
            case "false":
            case "no":
            case "off":
                return false;
            default:
                throw wrong("true or false", value);
        }
    }

    /**
     * Converts a whole number.
     *
     * @param value a number, or one as a string; or null
     * @return the number, or null
     * @throws InvalidConfigurationException if the value is anything else, or too large
     */
    public static @Nullable Integer toInteger(@Nullable Object value) {
        Long number = toLong(value);
        if (number != null && number.intValue() != number) {
            throw wrong("a number of 32 bits", value);
        }
        return number == null ? null : Integer.valueOf(number.intValue());
    }

    /**
     * Converts a whole number.
     *
     * @param value a number, or one as a string; or null
     * @return the number, or null
     * @throws InvalidConfigurationException if the value is anything else, or too large
     */
    public static @Nullable Long toLong(@Nullable Object value) {
        if (value == null) {
            return null;
        } else if (value instanceof Number && ((Number) value).doubleValue() == ((Number) value).longValue()) {
            return ((Number) value).longValue();
        } else if (value instanceof String) {
            try {
                return Long.valueOf(((String) value).trim());
            } catch (NumberFormatException e) {
                // the exception below reports it
            }
        }
        throw wrong("a whole number", value);
    }

    /**
     * Converts a value to a string.
     *
     * @param value anything
     * @return its {@code toString}; null for null
     */
    public static @Nullable String toString(@Nullable Object value) {
        return value == null ? null : value.toString();
    }

    /**
     * Converts a list of strings.
     *
     * @param value a collection, or a single element; or null
     * @return the list, or null
     */
    public static @Nullable List<String> toStringList(@Nullable Object value) {
        if (value == null) {
            return null;
        } else if (!(value instanceof Collection)) {
            return Collections.singletonList(toString(value));
        }
        List<String> list = new ArrayList<>();
        ((Collection<?>) value).forEach(item -> list.add(toString(item)));
        return list;
    }

    /**
     * Converts an object of a class.
     *
     * @param type the class
     * @param value such an object, or the name of a class of such objects that has a public constructor without parameters;
     *        or null
     * @param <T> the class
     * @return the object, or null
     * @throws InvalidConfigurationException if the value is anything else
     */
    public static <T> @Nullable T toClassObject(Class<T> type, @Nullable Object value) {
        if (value == null || type.isInstance(value)) {
            return type.cast(value);
        }
        if (!(value instanceof String)) {
            throw wrong("a " + type.getName(), value);
        }
        try {
            ClassLoader ofThread = Thread.currentThread().getContextClassLoader();
            ClassLoader loader = ofThread != null ? ofThread : MessageUtils.class.getClassLoader();
            return type.cast(Class.forName((String) value, true, loader).getConstructor().newInstance());
        } catch (ReflectiveOperationException | LinkageError | ClassCastException e) {
            throw new InvalidConfigurationException("class " + value + " can't be used as " + type.getName() + ": " + e, e);
        }
    }

    /**
     * Returns the first value that is not null.
     *
     * @param first a value, or null
     * @param second a value, or null
     * @param <T> the type of the values
     * @return the first if it is not null, else the second, which may be null
     */
    public static <T> @Nullable T or(@Nullable T first, @Nullable T second) {
        return first != null ? first : second;
    }

    /** Returns an exception that does not show the value, which may be secret. */
    private static InvalidConfigurationException wrong(String expected, Object value) {
        return new InvalidConfigurationException("expected " + expected + ", found a " + value.getClass().getName());
    }
}
