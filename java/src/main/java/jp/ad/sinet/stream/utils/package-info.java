/**
 * The factories that make readers and writers, and helpers for programs and plugins.
 *
 * <p>A factory is built once and may make any number of clients. A setting of its builder takes precedence over the parameters
 * given to the builder, which take precedence over the configuration file.
 *
 * <p>Factories: {@link MessageWriterFactory} and {@link MessageReaderFactory}; {@link Tls} is the parameter {@code tls} for
 * their builders. {@link Usage} prints the methods of the builders and the parameters.
 *
 * <p>Helpers for plugins: {@link MessageUtils} converts values of parameters, {@link KeyStoreUtil} makes key stores from PEM
 * files, and {@link CtxSerializer} is a serializer that returns a context.
 *
 * <p>Value classes: {@link Pair} and {@link Timestamped}.
 */
@NullMarked
package jp.ad.sinet.stream.utils;

import org.jspecify.annotations.NullMarked;
