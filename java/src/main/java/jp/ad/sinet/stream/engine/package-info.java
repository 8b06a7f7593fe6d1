/**
 * The Java side of the native engine. Internal: not for use by applications, and may change in any release.
 *
 * <p>All waiting is done here, in slices of a few milliseconds, so that interrupts, deadlines and a concurrent close
 * are noticed; the native side never starts threads that enter the JVM.
 */
package jp.ad.sinet.stream.engine;
