/**
 * The Java side of the native engine. Internal: not for use by applications, and may change in any release.
 *
 * <p>All waiting is done here, in slices of a few milliseconds, so that interrupts, deadlines and a concurrent close
 * are noticed; the native side never starts threads that enter the JVM. Each client has a thread that fetches the
 * changes of its connection; no call that waits depends on it.
 */
package jp.ad.sinet.stream.engine;
