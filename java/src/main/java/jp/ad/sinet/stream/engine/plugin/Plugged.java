package jp.ad.sinet.stream.engine.plugin;

import java.util.Map;

import jp.ad.sinet.stream.engine.boundary.Configured;

/** What a client of a plugin's messaging system is opened from: the engine codes its messages, and does nothing else. */
final class Plugged<C> {
    final Configured configured;
    final C codec;
    final String type;
    /** For the plugin: with secrets. */
    final Map<String, Object> parameters;

    /** Has the engine ready to code. */
    Plugged(Configured configured, C codec) {
        configured.code();
        this.configured = configured;
        this.codec = codec;
        type = configured.pluginType();
        parameters = configured.pluginParameters();
    }

    boolean flag(String name) {
        return Boolean.TRUE.equals(configured.description.config.get(name));
    }
}
