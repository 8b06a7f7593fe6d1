package jp.ad.sinet.stream.spi;

import jp.ad.sinet.stream.api.ValueType;

/** Brings a value type, which configurations can name from then on ({@code value_type}). */
public interface ValueTypeProvider {
    /**
     * Gives the value type.
     *
     * @return the value type
     */
    ValueType getValueType();

    /**
     * The name in a configuration.
     *
     * @return the name
     */
    String getName();
}
