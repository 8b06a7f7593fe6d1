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
 * The class of a client's values. The compiler forgets it, and a (de)serializer that the configuration chooses may be one for another
 * class: without this, the program would learn of it by a ClassCastException in a line of its own.
 */
final class ValueClass {
    private ValueClass() {
    }

    /** What a serializer takes; Object when that is not known, as of a lambda expression. */
    static Class<?> takenBy(Serializer<?> serializer) {
        return argument(serializer.getClass(), Serializer.class);
    }

    private static Class<?> givenBy(Deserializer<?> deserializer) {
        return argument(deserializer.getClass(), Deserializer.class);
    }

    /** Methods are not looked at: a class may have more of the same name, and others that name classes which are missing. */
    private static Class<?> argument(Class<?> codec, Class<?> of) {
        try {
            Type found = typeArgument(codec, of);
            Type raw = found instanceof ParameterizedType ? ((ParameterizedType) found).getRawType() : found;
            return raw instanceof Class ? (Class<?>) raw : Object.class;
        } catch (LinkageError | TypeNotPresentException | MalformedParameterizedTypeException e) {
            return Object.class; // it can't be known here, and may never be needed
        }
    }

    /** What a class or interface gives for the one parameter of {@code of}, which may be a parameter of its own; null: nothing. */
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

    /** {@code wanted}: the class that the builder was given, or null. */
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
