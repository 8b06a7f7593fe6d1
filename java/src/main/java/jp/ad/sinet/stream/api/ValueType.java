package jp.ad.sinet.stream.api;

/** A named kind of values, with its serializer and deserializer. */
@SuppressWarnings("rawtypes")
public interface ValueType {
    /**
     * Returns the name that a configuration uses for it ({@code value_type}).
     *
     * @return the name
     */
    String getName();

    /**
     * Returns a serializer for these values.
     *
     * @return the serializer
     */
    Serializer getSerializer();

    /**
     * Returns a deserializer for these values.
     *
     * @return the deserializer
     */
    Deserializer getDeserializer();
}
