package jp.ad.sinet.stream.api;

/**
 * Receives the changes of a client's connection. A listener is given to the builder of a factory.
 *
 * <p>A client calls the listener where its callbacks run (on a daemon thread of the library, or on the builder's executor),
 * with one event after the other, in the order in which they happened. The first event is
 * {@link ConnectionEvent.Type#CONNECTED}; that call may come before the factory has returned the client.
 * {@link ConnectionEvent.Type#ENDED} or {@link ConnectionEvent.Type#CLOSED} is the last event. A listener that is given to a
 * factory that makes several clients may be called by several threads at a time.
 *
 * <p>The listener may write, read and close. Events that happen while it runs wait until it returns. An exception that it
 * throws is logged and otherwise ignored.
 */
@FunctionalInterface
public interface ConnectionListener {
    /**
     * Receives a change of the connection.
     *
     * @param event the change
     */
    void onConnectionEvent(ConnectionEvent event);
}
