/**
 * The compressions of values, for programs and plugins that call them directly. Clients do not need this package.
 *
 * <p>{@link CompressionFactory} makes compressors and decompressors, {@link BuiltinCompression} has the built-in compressions,
 * and {@link Lz4CompressionProvider} provides {@code lz4} as a plugin would.
 */
@NullMarked
package jp.ad.sinet.stream.api.compression;

import org.jspecify.annotations.NullMarked;
