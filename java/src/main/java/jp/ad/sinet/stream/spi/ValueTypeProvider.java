package jp.ad.sinet.stream.spi;

import jp.ad.sinet.stream.api.ValueType;

/** Provides a value type, which configurations can then name ({@code value_type}). */
public interface ValueTypeProvider {
    /**
     * Returns the value type.
     *
     * @return the value type
     */
    ValueType getValueType();

    /**
     * Returns the name that configurations use.
     *
     * @return the name
     */
    String getName();
}
