/**
 * The boundary to the native library. Internal: not for use by programs, and may change in any release. What is public here
 * is so for the packages of clients and plugins.
 *
 * <ul>
 * <li>The natives: {@link Native} has them all; {@link Returned} looks at their results, {@link Errors} makes exceptions of
 *     their failures, and {@link Needed} loads what those need later.
 * <li>Loading the library: {@link NativeLoader}, with {@link Platform} and {@link PrivateCopy}.
 * <li>Opening: {@link Options}, with {@link Parameters} and {@link HostPath}, go in; {@link Description} comes out; both
 *     are in {@link Configured}. {@link KnownParameters} lists what the engine knows. {@link Questions} are what the engine asks before
 *     an attempt to connect; {@link LoginSource} asks the program for a login.
 * <li>Encodings: {@link Tree} for what crosses once, {@link MessageOptions} for options of one message, {@link Packed} for messages, {@link PackedEvents} for news, which a
 *     {@link ClientSink} hears; {@link Bytes} below them, and {@link WipedOutput} for what is secret. {@link Snapshot} and {@link Timestamps} are numbers.
 * <li>What of TLS only Java can open: {@link KeyMaterial}, with {@link StoreFile}, {@link TrustAnchors} and
 *     {@link DisabledAlgorithms}.
 * <li>For programs and plugins by themselves: {@link ValueCompression}, and {@link PemFiles}, of which key stores are made.
 * <li>What the native library calls: {@link PluginStages}, and {@link PluginFailures} with what plugins throw there.
 * </ul>
 */
package jp.ad.sinet.stream.engine.boundary;
