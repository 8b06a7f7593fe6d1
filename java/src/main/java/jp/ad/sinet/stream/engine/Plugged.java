package jp.ad.sinet.stream.engine;

import java.util.LinkedHashMap;
import java.util.Map;

import jp.ad.sinet.stream.api.ValueType;

/** What a client of a plugin's messaging system is opened from: the engine codes its messages, and does nothing else. */
final class Plugged<C> {
    final long handle;
    final Description description;
    final ValueType valueType;
    final C codec;
    final Options options;
    final String type;
    /** For the plugin: with secrets. */
    final Map<String, Object> parameters;

    Plugged(long handle, Description description, ValueType valueType, C codec, Options options,
            Map<String, Object> parameters) {
        this.handle = handle;
        this.description = description;
        this.valueType = valueType;
        this.codec = codec;
        this.options = options;
        this.parameters = new LinkedHashMap<>(parameters);
        this.parameters.putAll(options.objects());
        this.type = String.valueOf(parameters.get("type"));
    }

    boolean flag(String name) {
        return Boolean.TRUE.equals(description.config.get(name));
    }
}
