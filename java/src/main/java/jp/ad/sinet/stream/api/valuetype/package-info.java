/**
 * The value types that are built in, {@code byte_array} and {@code text}, with their serializers and deserializers.
 */
@NullMarked
package jp.ad.sinet.stream.api.valuetype;

import org.jspecify.annotations.NullMarked;
