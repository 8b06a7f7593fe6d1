/**
 * Messages, the readers and writers that transfer them, and the exceptions that they throw. The factories of
 * {@link jp.ad.sinet.stream.utils} make the clients.
 *
 * <p>The engine restores a lost connection by itself, unless the configuration forbids it. Meanwhile writes and reads wait,
 * within their time limits.
 *
 * <p>Clients: {@link MessageWriter} and {@link MessageReader} wait for each message; {@link AsyncMessageWriter} and
 * {@link AsyncMessageReader} do not. {@link MessageIO} is their common interface.
 *
 * <p>Messages: {@link Message} is a received one and {@link PublishPacket} the MQTT packet that carried it;
 * {@link WriteOptions} are the options of a single write. {@link Consistency} is the quality of service, and
 * {@link Acknowledge} says when a reader acknowledges.
 *
 * <p>Connection: {@link Login} is a user name with a password; a {@link ConnectionListener} receives each
 * {@link ConnectionEvent}.
 *
 * <p>Monitoring: {@link Metrics} with its {@link Histogram}, and {@link ClientMXBean} for JMX.
 *
 * <p>Conversion of values: {@link ValueType}, {@link Serializer} and {@link Deserializer}; {@link Compression},
 * {@link Compressor} and {@link Decompressor}; {@link Crypto} for the cipher of a plugin.
 *
 * <p>Exceptions: all are unchecked and extend {@link SinetStreamException}.
 * <ul>
 * <li>Configuration: {@link InvalidConfigurationException}, {@link NoConfigException}, {@link NoServiceException},
 * {@link UnsupportedServiceTypeException}.
 * <li>Transfer: {@link SinetStreamIOException}, with its reason and the fate of the message, and its subclasses
 * {@link ConnectionException}, {@link AuthenticationException}, {@link AuthorizationException} and
 * {@link InvalidMessageException}.
 * </ul>
 */
@NullMarked
package jp.ad.sinet.stream.api;

import org.jspecify.annotations.NullMarked;
