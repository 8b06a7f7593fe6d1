/**
 * What this library needs of the JVM around it, and nothing that knows the engine. Internal: not for use by programs, and may
 * change in any release.
 *
 * <ul>
 * <li>{@link Log}, where it writes.
 * <li>{@link ClientThreads}, its threads and their class loaders; {@link SerialThread}, one that does things in order.
 * <li>{@link OrClose}, for what must not stay open after a failure.
 * <li>{@link Plugins}, the services that programs bring along.
 * </ul>
 */
package jp.ad.sinet.stream.engine.jvm;
