/**
 * Clients of messaging systems other than MQTT, which are plugins: the engine only encodes and decodes their messages.
 * Internal: programs must not use this package, and it may change in any release. Its public classes are for the package that
 * opens clients.
 *
 * <ul>
 * <li>Finding and opening plugins: {@link Providers}, {@link Plugged}.
 * <li>Clients: {@link PluggedClient}, {@link PluggedWriter}, {@link PluggedReader}, {@link PluggedAsyncWriter},
 *     {@link PluggedAsyncReader}.
 * <li>Messages: {@link Coded}, {@link PluggedDecoding}.
 * <li>Calls of plugins that may block: {@link Calls}. On a thread of this library, {@link WriterThread} passes the messages of
 *     an asynchronous writer to a plugin, and {@link ReaderThread} fills the {@link Inbox} of an asynchronous reader.
 * <li>Built-in plugin: {@link IoStreamProvider}.
 * </ul>
 */
package jp.ad.sinet.stream.engine.plugin;
