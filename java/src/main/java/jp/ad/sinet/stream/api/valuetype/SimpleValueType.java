package jp.ad.sinet.stream.api.valuetype;

import jp.ad.sinet.stream.api.Deserializer;
import jp.ad.sinet.stream.api.Serializer;
import jp.ad.sinet.stream.api.ValueType;

/** The built-in value types. */
@SuppressWarnings("rawtypes")
public enum SimpleValueType implements ValueType {
    /** Byte arrays, {@code byte_array} in a configuration; the default. */
    BYTE_ARRAY("byte_array") {
        @Override
        public Serializer getSerializer() {
            return new ByteArraySerializer();
        }

        @Override
        public Deserializer getDeserializer() {
            return new ByteArrayDeserializer();
        }
    },
    /** Strings in UTF-8, {@code text} in a configuration. */
    TEXT("text") {
        @Override
        public Serializer getSerializer() {
            return new StringSerializer();
        }

        @Override
        public Deserializer getDeserializer() {
            return new StringDeserializer();
        }
    };

    private final String name;

    SimpleValueType(String name) {
        this.name = name;
    }

    @Override
    public String getName() {
        return name;
    }
}
