/**
 * The interfaces that plugins implement. {@link java.util.ServiceLoader} finds a plugin: its jar names its class in
 * {@code META-INF/services}, in a file that has the name of the interface. Whenever a client is opened, the library searches
 * with the thread's context class loader, then with its own. A plugin that cannot be loaded causes a warning in the log and
 * does not affect other plugins.
 *
 * <p>Messaging systems: {@link MessageWriterProvider}, {@link MessageReaderProvider}, {@link AsyncMessageWriterProvider} and
 * {@link AsyncMessageReaderProvider} make clients; {@link SinetMessageProvider} is their common interface.
 *
 * <p>Clients of a messaging system: {@link PluginMessageWriter}, {@link PluginMessageReader},
 * {@link PluginAsyncMessageWriter} and {@link PluginAsyncMessageReader}; {@link PluginMessageIO} is their common interface,
 * and {@link PluginMessageWrapper} a received message.
 *
 * <p>Settings that a client is made with: {@link WriterParameters} and {@link ReaderParameters};
 * {@link SinetStreamParameters} is their common interface.
 *
 * <p>Conversion of values: {@link ValueTypeProvider}, {@link CompressionProvider} and {@link CryptoProvider}.
 */
@NullMarked
package jp.ad.sinet.stream.spi;

import org.jspecify.annotations.NullMarked;
