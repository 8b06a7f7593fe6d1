package jp.ad.sinet.stream.api;

/**
 * Is told how the connection of a client changes. It is given to the builder of a factory.
 *
 * <p>A client calls it where its callbacks run (on a daemon thread of the library's, or on the builder's executor), one event after the other, in the order in which they happened,
 * beginning with the first {@link ConnectionEvent.Type#CONNECTED}; that call may come before the factory has returned
 * the client. {@link ConnectionEvent.Type#ENDED} or {@link ConnectionEvent.Type#CLOSED} is the last event. A listener
 * that is given to a factory with several clients may be called by several threads at a time.
 *
 * <p>It may write, read and close. Events that happen while it runs wait until it returns. An exception that it throws
 * is logged and otherwise ignored.
 */
@FunctionalInterface
public interface ConnectionListener {
    /**
     * Called for each change.
     *
     * @param event what happened
     */
    void onConnectionEvent(ConnectionEvent event);
}
