package jp.ad.sinet.stream.api.valuetype;

import org.jspecify.annotations.Nullable;

import jp.ad.sinet.stream.api.Deserializer;
import jp.ad.sinet.stream.api.Serializer;
import jp.ad.sinet.stream.api.ValueType;
import jp.ad.sinet.stream.spi.ValueTypeProvider;

/**
 * Provides the value type {@code image}: {@link java.awt.image.BufferedImage} in the program, PNG on the wire. Only programs
 * that use it need the module {@code java.desktop}.
 */
public class ImageValueTypeProvider implements ValueTypeProvider {
    private static final String NAME = "image";

    /** Makes a provider. */
    public ImageValueTypeProvider() {
    }

    @Override
    public ValueType getValueType() {
        return new Image();
    }

    @Override
    public String getName() {
        return NAME;
    }

    @SuppressWarnings("rawtypes")
    private static final class Image implements ValueType {
        @Override
        public String getName() {
            return NAME;
        }

        @Override
        public Serializer getSerializer() {
            return new ImageSerializer();
        }

        @Override
        public Deserializer getDeserializer() {
            return new ImageDeserializer();
        }

        @Override
        public boolean equals(@Nullable Object other) {
            return other instanceof Image;
        }

        @Override
        public int hashCode() {
            return NAME.hashCode();
        }

        @Override
        public String toString() {
            return NAME;
        }
    }
}
