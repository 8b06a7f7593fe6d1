package jp.ad.sinet.stream.api.valuetype;

import org.jspecify.annotations.Nullable;

import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.ValueType;
import jp.ad.sinet.stream.engine.jvm.Plugins;
import jp.ad.sinet.stream.spi.ValueTypeProvider;

/** Finds value types by name. Thread-safe. */
public class ValueTypeFactory {
    /** Makes a factory that knows the built-in value types and those of plugins. */
    public ValueTypeFactory() {
    }

    /**
     * Finds a value type.
     *
     * @param name its name in a configuration
     * @return the value type; null when there is none of that name
     * @throws InvalidConfigurationException if its plugin returns none
     */
    public @Nullable ValueType get(@Nullable String name) {
        for (SimpleValueType type : SimpleValueType.values()) {
            if (type.getName().equals(name)) {
                return type;
            }
        }
        ValueTypeProvider provider = name == null ? null
                : Plugins.named(ValueTypeProvider.class, ValueTypeProvider::getName, name);
        return provider == null ? null : of(provider, name);
    }

    private static ValueType of(ValueTypeProvider provider, String name) {
        String plugin = "value_type: the plugin for '" + name + "' (" + provider.getClass().getName() + ")";
        try {
            ValueType type = provider.getValueType();
            if (type != null) {
                return type;
            }
        } catch (RuntimeException | LinkageError e) {
            throw new InvalidConfigurationException(plugin + " failed: " + e, e);
        }
        throw new InvalidConfigurationException(plugin + " failed: getValueType returned null");
    }
}
