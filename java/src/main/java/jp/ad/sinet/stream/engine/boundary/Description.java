package jp.ad.sinet.stream.engine.boundary;

import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import jp.ad.sinet.stream.api.Acknowledge;
import jp.ad.sinet.stream.api.Consistency;

/** The configuration in force, as the native library describes it. */
public final class Description {
    /** The value of {@code getReceiveTimeout} when there is no limit. */
    static final Duration NO_TIMEOUT = Duration.ofNanos(Long.MAX_VALUE);

    public final String service;
    public final String topic;
    public final List<String> topics;
    public final String clientId;
    public final Consistency consistency;
    public final String valueType;
    public final String valueSerializer;
    public final String valueDeserializer;
    public final long maxImagePixels;
    public final Duration receiveTimeout;
    public final Duration writeTimeout;
    public final Acknowledge acknowledge;
    /** 0 means without a limit. */
    public final int processedTries;
    public final boolean dataEncryption;
    /** The parameters in force, with secrets masked. */
    public final Map<String, Object> config;
    final List<String> warnings;

    private final Map<?, ?> tree;

    Description(byte[] encoded) {
        Object decoded = Tree.decode(encoded);
        if (!(decoded instanceof Map)) {
            throw Errors.malformed("a description is not a map");
        }
        tree = new LinkedHashMap<>((Map<?, ?>) decoded);
        service = get("service", String.class, false);
        topic = get("topic", String.class, false);
        topics = strings("topics");
        clientId = get("client_id", String.class, true);
        consistency = consistency(get("consistency", String.class, true));
        valueType = get("value_type", String.class, true);
        valueSerializer = get("value_serializer", String.class, false);
        valueDeserializer = get("value_deserializer", String.class, false);
        maxImagePixels = get("max_image_pixels", Long.class, true);
        receiveTimeout = timeout("receive_timeout_ms");
        writeTimeout = timeout("write_timeout_ms");
        acknowledge = acknowledge(get("acknowledge", String.class, true));
        Long tries = get("processed_tries", Long.class, false);
        processedTries = tries == null ? 0 : tries.intValue();
        dataEncryption = get("data_encryption", Boolean.class, true);
        Map<String, Object> shown = new LinkedHashMap<>(config(get("config", Map.class, true)));
        shown.put("consistency", consistency);
        config = Collections.unmodifiableMap(shown);
        warnings = strings("warnings");
    }

    /** Returns the argument of {@link KeyMaterial#open}, only once, because it contains passwords. */
    Map<?, ?> takeKeyMaterial() {
        Map<?, ?> wanted = get("key_material", Map.class, false);
        tree.remove("key_material");
        return wanted;
    }

    /** Returns the parameters for a plugin, or null, only once, because they contain passwords. */
    Map<String, Object> takeParameters(String name) {
        Map<?, ?> wanted = get(name, Map.class, false);
        tree.remove(name);
        return wanted == null ? null : config(wanted);
    }

    private <V> V get(String name, Class<V> type, boolean required) {
        Object value = tree.get(name);
        if (value == null && !required) {
            return null;
        }
        if (!type.isInstance(value)) {
            throw Errors.malformed("bad " + name + " in a description");
        }
        return type.cast(value);
    }

    private Duration timeout(String name) {
        Long millis = get(name, Long.class, false);
        return millis == null ? NO_TIMEOUT : Duration.ofMillis(millis);
    }

    private List<String> strings(String name) {
        List<String> strings = new ArrayList<>();
        for (Object item : get(name, List.class, true)) {
            if (!(item instanceof String)) {
                throw Errors.malformed("bad " + name + " in a description");
            }
            strings.add((String) item);
        }
        return Collections.unmodifiableList(strings);
    }

    private static Consistency consistency(String name) {
        try {
            return Consistency.valueOf(name);
        } catch (IllegalArgumentException e) {
            throw Errors.malformed("bad consistency in a description");
        }
    }

    private static Acknowledge acknowledge(String name) {
        for (Acknowledge acknowledge : Acknowledge.values()) {
            if (acknowledge.getName().equals(name)) {
                return acknowledge;
            }
        }
        throw Errors.malformed("bad acknowledge in a description");
    }

    private static Map<String, Object> config(Map<?, ?> map) {
        Map<String, Object> config = new LinkedHashMap<>();
        map.forEach((name, value) -> config.put((String) name, narrowed(value)));
        return Collections.unmodifiableMap(config);
    }

    /** Converts whole numbers to Integer where they fit, as programs expect of parameters that were read from YAML. */
    private static Object narrowed(Object value) {
        if (value instanceof Long && ((Long) value).intValue() == (Long) value) {
            return ((Long) value).intValue();
        } else if (value instanceof Map) {
            return config((Map<?, ?>) value);
        } else if (value instanceof List) {
            List<Object> list = new ArrayList<>();
            ((List<?>) value).forEach(item -> list.add(narrowed(item)));
            return Collections.unmodifiableList(list);
        }
        return value;
    }
}
