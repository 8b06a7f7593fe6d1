package jp.ad.sinet.stream.engine.client;

import java.lang.reflect.Method;

import jp.ad.sinet.stream.api.Deserializer;
import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.Serializer;

/**
 * The class of a client's values. The compiler forgets it, and a (de)serializer that the configuration chooses may be one for another
 * class: without this, the program would learn of it by a ClassCastException in a line of its own.
 */
final class ValueClass {
    private ValueClass() {
    }

    /** What a serializer takes; Object when that is not known, as of a lambda expression. */
    static Class<?> takenBy(Serializer<?> serializer) {
        Method method = declared(serializer.getClass(), "serialize");
        return method == null ? Object.class : method.getParameterTypes()[0];
    }

    private static Class<?> givenBy(Deserializer<?> deserializer) {
        Method method = declared(deserializer.getClass(), "deserialize");
        return method == null ? Object.class : method.getReturnType();
    }

    /** Not the one that the compiler adds, which takes and gives objects. */
    private static Method declared(Class<?> codec, String name) {
        for (Class<?> each = codec; each != null; each = each.getSuperclass()) {
            for (Method method : each.getDeclaredMethods()) {
                if (method.getName().equals(name) && method.getParameterCount() == 1 && !method.isBridge()) {
                    return method;
                }
            }
        }
        return null;
    }

    /** {@code wanted}: the class that the builder was given, or null. */
    static <T> Serializer<T> checkTaken(Serializer<T> serializer, Class<?> wanted, String chosenBy) {
        Class<?> taken = takenBy(serializer);
        if (wanted != null && !taken.isAssignableFrom(wanted)) {
            throw unfit(chosenBy, serializer, "takes", taken, wanted);
        }
        return serializer;
    }

    /** The same; what is not known before is looked at with each value. */
    static <T> Deserializer<T> checkGiven(Deserializer<T> deserializer, Class<?> wanted, String chosenBy) {
        if (wanted == null) {
            return deserializer;
        }
        Class<?> given = givenBy(deserializer);
        if (wanted.isAssignableFrom(given)) {
            return deserializer;
        }
        if (!given.isAssignableFrom(wanted)) {
            throw unfit(chosenBy, deserializer, "gives", given, wanted);
        }
        return bytes -> {
            T value = deserializer.deserialize(bytes);
            if (value != null && !wanted.isInstance(value)) {
                throw unfit(chosenBy, deserializer, "gives", value.getClass(), wanted);
            }
            return value;
        };
    }

    private static InvalidConfigurationException unfit(String chosenBy, Object codec, String does, Class<?> found, Class<?> wanted) {
        return new InvalidConfigurationException(chosenBy + ": " + codec.getClass().getName() + " " + does + " values of class "
                + found.getTypeName() + ", and the program has values of class " + wanted.getTypeName());
    }
}
