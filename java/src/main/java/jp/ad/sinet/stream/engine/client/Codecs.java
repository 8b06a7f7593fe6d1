package jp.ad.sinet.stream.engine.client;

import java.lang.reflect.InvocationTargetException;
import java.util.Map;
import java.util.function.Supplier;

import jp.ad.sinet.stream.api.Deserializer;
import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.Serializer;
import jp.ad.sinet.stream.api.ValueType;
import jp.ad.sinet.stream.api.valuetype.ImageDeserializer;
import jp.ad.sinet.stream.engine.boundary.Configured;
import jp.ad.sinet.stream.engine.boundary.Description;

/**
 * Chooses the serializer or deserializer of a client: the given object, else the configured class, else that of the value
 * type.
 */
public final class Codecs {
    private Codecs() {
    }

    @SuppressWarnings("unchecked")
    public static <T> Serializer<T> serializer(Serializer<T> given, Configured configured) {
        if (given != null) {
            return given;
        }
        Description description = configured.description;
        Class<?> wanted = configured.options.valueClass();
        if (description.valueSerializer != null) {
            Serializer<T> named = instantiate("value_serializer", description.valueSerializer, Serializer.class);
            return ValueClass.checkTaken(named, wanted, "value_serializer");
        }
        Serializer<T> ofType = present(valueType(configured)::getSerializer, description, "serializer");
        return ValueClass.checkTaken(ofType, wanted, "value_type: " + description.valueType);
    }

    @SuppressWarnings("unchecked")
    public static <T> Deserializer<T> deserializer(Deserializer<T> given, Configured configured) {
        if (given != null) {
            return given;
        }
        Description description = configured.description;
        Deserializer<?> found = description.valueDeserializer != null
                ? instantiate("value_deserializer", description.valueDeserializer, Deserializer.class)
                : present(valueType(configured)::getDeserializer, description, "deserializer");
        // The limit is set here, because neither a value type nor a class name can carry the parameter.
        return ValueClass.checkGiven((Deserializer<T>) (found.getClass() == ImageDeserializer.class
                ? new ImageDeserializer(description.maxImagePixels) : found), configured.options.valueClass(),
                description.valueDeserializer != null ? "value_deserializer" : "value_type: " + description.valueType);
    }

    /** Returns a will's payload as the configured class serializes it; null when no class is configured. */
    @SuppressWarnings("unchecked")
    static byte[] willValue(Map<String, Object> will) {
        if (will == null) {
            return null;
        }
        String className = (String) will.get("serializer");
        Serializer<Object> serializer = instantiate("will.value_serializer", className, Serializer.class);
        byte[] value;
        try {
            value = serializer.serialize(will.get("payload"));
        } catch (RuntimeException | LinkageError e) {
            throw failed("will.value_serializer", className, "it does not take the payload: " + e.getClass().getName(), e);
        }
        if (value == null) {
            throw failed("will.value_serializer", className, "it returned null", null);
        }
        return value;
    }

    private static ValueType valueType(Configured configured) {
        if (configured.valueType == null) {
            throw new InvalidConfigurationException("value_type: unknown value type " + configured.description.valueType);
        }
        return configured.valueType;
    }

    private static <C> C present(Supplier<C> codec, Description description, String what) {
        C found;
        try {
            found = codec.get();
        } catch (RuntimeException | LinkageError e) { // for images the module java.desktop may be missing
            throw new InvalidConfigurationException("value_type: the " + what + " of " + description.valueType
                    + " can't be made: " + e, e);
        }
        if (found == null) {
            throw new InvalidConfigurationException("value_type: " + description.valueType + " has no " + what);
        }
        return found;
    }

    private static <C> C instantiate(String parameter, String className, Class<C> type) {
        try {
            Class<?> loaded = load(className);
            if (!type.isAssignableFrom(loaded)) {
                throw new InvalidConfigurationException(parameter + ": class " + className + " is not a "
                        + type.getName());
            }
            return type.cast(loaded.getConstructor().newInstance());
        } catch (InvocationTargetException e) {
            throw failed(parameter, className, "its constructor failed: " + e.getCause(), e.getCause());
        } catch (ClassNotFoundException e) {
            throw failed(parameter, className, "not found", e);
        } catch (NoSuchMethodException | IllegalAccessException | InstantiationException e) {
            throw failed(parameter, className, "it must be public, not abstract, with a public constructor without "
                    + "parameters, in a package that its module exports", e);
        } catch (LinkageError e) {
            throw failed(parameter, className, "it cannot be loaded: " + e, e);
        }
    }

    /** Loads a class without initializing it, which waits until the class is known to be of the right kind. */
    private static Class<?> load(String className) throws ClassNotFoundException {
        ClassLoader ofThread = Thread.currentThread().getContextClassLoader();
        if (ofThread != null) {
            try {
                return Class.forName(className, false, ofThread);
            } catch (ClassNotFoundException e) {
                // The loader of this library may still know it.
            }
        }
        return Class.forName(className, false, Codecs.class.getClassLoader());
    }

    private static InvalidConfigurationException failed(String parameter, String className, String why,
            Throwable cause) {
        return new InvalidConfigurationException(parameter + ": class " + className + ": " + why, cause);
    }
}
