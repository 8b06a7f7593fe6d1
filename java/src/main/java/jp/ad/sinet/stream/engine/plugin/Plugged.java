package jp.ad.sinet.stream.engine.plugin;

import java.util.Map;

import jp.ad.sinet.stream.engine.boundary.Configured;

/** The basis of a client of a plugin's messaging system. The engine only encodes and decodes its messages. */
final class Plugged<C> {
    final Configured configured;
    final C codec;
    final String type;
    /** The parameters for the plugin, with secrets. */
    final Map<String, Object> parameters;

    /** Prepares the engine to encode and decode. */
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
