/**
 * What a plugin implements. A plugin is found by {@link java.util.ServiceLoader}: its jar names its class in
 * {@code META-INF/services}, in a file that has the interface's name. It is looked for with the thread's context class
 * loader, then with the one of this library, whenever a client is opened. A plugin that can't be loaded is a warning in
 * the log and harms no other.
 */
@NullMarked
package jp.ad.sinet.stream.spi;

import org.jspecify.annotations.NullMarked;
