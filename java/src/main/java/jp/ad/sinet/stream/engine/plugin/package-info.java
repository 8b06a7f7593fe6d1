/**
 * Clients of messaging systems other than MQTT, which are plugins: the engine codes their messages, and does nothing else.
 * Internal: not for use by programs, and may change in any release. What is public here is so for the opening of clients.
 *
 * <ul>
 * <li>Finding and calling plugins: {@link Providers}.
 * <li>The clients: {@link Plugged}, from which they are made, {@link PluggedClient}, {@link PluggedWriter},
 *     {@link PluggedReader}, {@link PluggedAsyncWriter}, {@link PluggedAsyncReader}, {@link PluggedDecoding}.
 * <li>A plugin's blocking client made asynchronous: {@link WriterThread}, {@link ReaderThread}.
 * <li>A plugin that is there: {@link IoStreamProvider}.
 * </ul>
 */
package jp.ad.sinet.stream.engine.plugin;
