/**
 * The Java side of the native engine. Internal, as are the packages in it: not for use by programs, and may change in any
 * release. Each package knows those below it in this list and none above, which a test looks after:
 *
 * <ul>
 * <li>this one: {@link Opening}, the choice between the engine's own connection and a plugin's messaging system;
 * <li>{@link jp.ad.sinet.stream.engine.plugin}: clients whose messages go through plugins;
 * <li>{@link jp.ad.sinet.stream.engine.client}: clients with the engine's own connection, how they wait, and where callbacks run;
 * <li>{@link jp.ad.sinet.stream.engine.boundary}: the native library, and all that goes into it and comes out;
 * <li>{@link jp.ad.sinet.stream.engine.jvm}: what this library needs of the JVM around it.
 * </ul>
 */
package jp.ad.sinet.stream.engine;
