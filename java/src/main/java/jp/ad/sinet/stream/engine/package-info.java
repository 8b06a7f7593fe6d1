/**
 * The Java side of the native engine. This package and the packages in it are internal: programs must not use them, and they
 * may change in any release. Each package uses only those below it in this list, which a test checks:
 *
 * <ul>
 * <li>this package: {@link Opening} chooses between the engine's own connection and a plugin's messaging system;
 * <li>{@link jp.ad.sinet.stream.engine.plugin}: clients whose messages go through plugins;
 * <li>{@link jp.ad.sinet.stream.engine.client}: clients with the engine's own connection, how they wait, and where callbacks run;
 * <li>{@link jp.ad.sinet.stream.engine.boundary}: the native library, and the data that is passed to it and back;
 * <li>{@link jp.ad.sinet.stream.engine.jvm}: the parts of the JVM that this library uses.
 * </ul>
 */
package jp.ad.sinet.stream.engine;
