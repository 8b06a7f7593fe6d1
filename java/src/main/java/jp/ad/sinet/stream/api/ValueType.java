package jp.ad.sinet.stream.api;

/** A named kind of values, with the serializer and the deserializer that belong to it. */
@SuppressWarnings("rawtypes")
public interface ValueType {
    /**
     * The name under which a configuration refers to it ({@code value_type}).
     *
     * @return the name
     */
    String getName();

    /**
     * Gives a serializer for these values.
     *
     * @return the serializer
     */
    Serializer getSerializer();

    /**
     * Gives a deserializer for these values.
     *
     * @return the deserializer
     */
    Deserializer getDeserializer();
}
