package jp.ad.sinet.stream.api.valuetype;

import jp.ad.sinet.stream.api.ValueType;

/** Finds value types by name. Thread-safe. */
public class ValueTypeFactory {
    /** Makes a factory that knows the value types that are built in. */
    public ValueTypeFactory() {
    }

    /**
     * Finds a value type.
     *
     * @param name its name in a configuration
     * @return the value type; null when there is none of that name
     */
    public ValueType get(String name) {
        for (SimpleValueType type : SimpleValueType.values()) {
            if (type.getName().equals(name)) {
                return type;
            }
        }
        return null;
    }
}
