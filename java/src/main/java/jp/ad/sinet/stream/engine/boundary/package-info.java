/**
 * The boundary to the native library. Internal: programs must not use this package, and it may change in any release. Its
 * public classes are for the packages of clients and plugins.
 *
 * <ul>
 * <li>Native functions: {@link Native} has all of them; {@link Returned} checks their results, {@link Errors} converts their
 *     failures to exceptions, and {@link Needed} loads the classes that those need later.
 * <li>Loading the library: {@link NativeLoader}, with {@link Platform} and {@link PrivateCopy}.
 * <li>Opening a client: {@link Options}, with {@link Parameters} and {@link HostPath}, are the input, and {@link Description}
 *     is the result; {@link Configured} has both. {@link KnownParameters} lists the parameters that the engine knows.
 *     {@link Questions} are those of the engine before an attempt to connect; {@link LoginSource} asks the program for a login.
 * <li>Encodings: {@link Tree} for structured data, {@link MessageOptions} for the options of one message, {@link Packed} for
 *     messages, {@link PackedEvents} for events, which a {@link ClientSink} receives; {@link Bytes} reads them, and
 *     {@link WipedOutput} holds secrets. {@link Snapshot} and {@link Timestamps} convert numbers.
 * <li>The parts of TLS that only Java can open: {@link KeyMaterial}, with {@link StoreFile}, {@link TrustAnchors} and
 *     {@link DisabledAlgorithms}.
 * <li>Direct use by programs and plugins: {@link ValueCompression}, and {@link PemFiles}, from which key stores are made.
 * <li>Calls from the native library: {@link PluginStages}, and {@link PluginFailures} with the exceptions of plugins.
 * </ul>
 */
package jp.ad.sinet.stream.engine.boundary;
