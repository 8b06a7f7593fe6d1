/**
 * The factories that make readers and writers, the builders' parameter {@link jp.ad.sinet.stream.utils.Tls tls}, what plugins
 * use ({@link jp.ad.sinet.stream.utils.MessageUtils}, {@link jp.ad.sinet.stream.utils.KeyStoreUtil}), and two small value
 * classes.
 *
 * <p>A factory is built once and may make any number of clients. What its builder sets explicitly wins over the
 * parameters given to the builder, which win over the configuration file.
 */
@NullMarked
package jp.ad.sinet.stream.utils;

import org.jspecify.annotations.NullMarked;
