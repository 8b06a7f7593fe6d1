/**
 * The parts of the JVM that this library uses; nothing here knows the engine. Internal: programs must not use this package, and
 * it may change in any release.
 *
 * <ul>
 * <li>{@link Log}: the log.
 * <li>{@link ClientThreads}: the library's threads and their class loaders; {@link SerialThread} runs tasks in order.
 * <li>{@link OrClose}: closing a resource after a failure.
 * <li>{@link Plugins}: the services that programs supply.
 * </ul>
 */
package jp.ad.sinet.stream.engine.jvm;
