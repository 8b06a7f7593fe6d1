package jp.ad.sinet.stream.engine.plugin;

import java.util.Map;

import jp.ad.sinet.stream.api.ValueType;
import jp.ad.sinet.stream.engine.boundary.Configured;
import jp.ad.sinet.stream.engine.boundary.Description;
import jp.ad.sinet.stream.engine.boundary.Options;

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

    /** Has the engine ready to code. */
    Plugged(Configured configured, C codec) {
        configured.code();
        handle = configured.handle;
        description = configured.description;
        valueType = configured.valueType;
        this.codec = codec;
        options = configured.options;
        type = configured.pluginType();
        parameters = configured.pluginParameters();
    }

    boolean flag(String name) {
        return Boolean.TRUE.equals(description.config.get(name));
    }
}
