package jp.ad.sinet.stream.engine.client;

import java.lang.reflect.MalformedParameterizedTypeException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.Type;
import java.lang.reflect.TypeVariable;
import java.util.List;

import jp.ad.sinet.stream.api.Deserializer;
import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.Serializer;

/**
 * The class of a client's values. Type erasure removes it, and a serializer or deserializer that the configuration chooses
 * may be for another class: without this check the program would get a ClassCastException in its own code.
 */
final class ValueClass {
    private ValueClass() {
    }

    /** Returns the class that a serializer accepts; Object when it is not known, as for a lambda expression. */
    static Class<?> takenBy(Serializer<?> serializer) {
        return argument(serializer.getClass(), Serializer.class);
    }

    private static Class<?> givenBy(Deserializer<?> deserializer) {
        return argument(deserializer.getClass(), Deserializer.class);
    }

    /**
     * Finds the type argument of a class without looking at its methods: a class may have several of the same name, and
     * others may refer to missing classes.
     */
    private static Class<?> argument(Class<?> codec, Class<?> of) {
        try {
            Type found = typeArgument(codec, of);
            Type raw = found instanceof ParameterizedType ? ((ParameterizedType) found).getRawType() : found;
            return raw instanceof Class ? (Class<?>) raw : Object.class;
        } catch (LinkageError | TypeNotPresentException | MalformedParameterizedTypeException e) {
            return Object.class; // it cannot be known here, and may never be needed
        }
    }

    /**
     * Returns the type that a class or interface supplies for the type parameter of {@code of}, which may be a type parameter
     * itself; null if there is none.
     */
    private static Type typeArgument(Class<?> in, Class<?> of) {
        Class<?> above = in.getSuperclass();
        if (above != null && of.isAssignableFrom(above)) {
            return resolved(in.getGenericSuperclass(), above, of);
        }
        Class<?>[] interfaces = in.getInterfaces();
        for (int i = 0; i < interfaces.length; i++) {
            if (of.isAssignableFrom(interfaces[i])) {
                return resolved(in.getGenericInterfaces()[i], interfaces[i], of);
            }
        }
        return null;
    }

    private static Type resolved(Type generic, Class<?> raw, Class<?> of) {
        Type argument = raw == of ? of.getTypeParameters()[0] : typeArgument(raw, of);
        if (!(argument instanceof TypeVariable)) {
            return argument;
        }
        int index = List.of(raw.getTypeParameters()).indexOf(argument);
        return generic instanceof ParameterizedType && index >= 0 ? ((ParameterizedType) generic).getActualTypeArguments()[index] : null;
    }

    /**
     * Checks that a serializer accepts the class of the values. {@code wanted} is the class that the builder was given, or
     * null.
     */
    static <T> Serializer<T> checkTaken(Serializer<T> serializer, Class<?> wanted, String chosenBy) {
        if (wanted == null) {
            return serializer;
        }
        Class<?> taken = takenBy(serializer);
        if (!taken.isAssignableFrom(wanted)) {
            throw unfit(chosenBy, serializer, "takes", taken, wanted);
        }
        return serializer;
    }

    /**
     * Checks that a deserializer returns the class of the values. If its class is not known in advance, each value is
     * checked.
     */
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
