/**
 * The factories that make readers and writers, what plugins use ({@link jp.ad.sinet.stream.utils.MessageUtils},
 * {@link jp.ad.sinet.stream.utils.KeyStoreUtil}), and two small value classes.
 *
 * <p>A factory is built once and may make any number of clients. What its builder sets explicitly wins over the
 * parameters given to the builder, which win over the configuration file.
 */
package jp.ad.sinet.stream.utils;
