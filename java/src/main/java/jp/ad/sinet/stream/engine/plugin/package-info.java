/**
 * Clients of messaging systems other than MQTT, which are plugins: the engine codes their messages, and does nothing else.
 * Internal: not for use by programs, and may change in any release. What is public here is so for the opening of clients.
 *
 * <ul>
 * <li>Finding and opening plugins: {@link Providers}, {@link Plugged}.
 * <li>The clients: {@link PluggedClient}, {@link PluggedWriter}, {@link PluggedReader}, {@link PluggedAsyncWriter},
 *     {@link PluggedAsyncReader}.
 * <li>Their messages: {@link Coded}, {@link PluggedDecoding}.
 * <li>Calls of plugins that may block: {@link Calls}; those on a thread of ours: {@link WriterThread}, which gives a plugin the
 *     messages of an asynchronous writer, and {@link ReaderThread}, which fills the {@link Inbox} of an asynchronous reader.
 * <li>A plugin that is there: {@link IoStreamProvider}.
 * </ul>
 */
package jp.ad.sinet.stream.engine.plugin;
