/**
 * The built-in value types, with their serializers and deserializers.
 *
 * <p>Value types: {@link SimpleValueType} has {@code byte_array} and {@code text}, {@link ImageValueTypeProvider} provides
 * {@code image}, and {@link ValueTypeFactory} finds these and those of plugins by name.
 *
 * <p>Serializers: {@link ByteArraySerializer}, {@link StringSerializer} and {@link ImageSerializer}.
 *
 * <p>Deserializers: {@link ByteArrayDeserializer}, {@link StringDeserializer} and {@link ImageDeserializer}.
 */
@NullMarked
package jp.ad.sinet.stream.api.valuetype;

import org.jspecify.annotations.NullMarked;
