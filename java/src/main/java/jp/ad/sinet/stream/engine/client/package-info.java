/**
 * Clients with the engine's own connection, and the parts that the clients of plugins share with them. Internal: programs must
 * not use this package, and it may change in any release. Its public classes are for the package that opens clients, and for
 * the package of plugins, whose clients convert values, report events, run callbacks and close in the same way.
 *
 * <p>No thread of the native library enters the JVM, and no call of the library blocks for long. One thread, the notifier's,
 * waits in the library for changes at all clients. It wakes the threads that wait for them in Java, where they can be
 * interrupted, and starts callbacks.
 *
 * <ul>
 * <li>Clients: {@link Client}, {@link EngineClient}, {@link NativeMessageWriter}, {@link NativeAsyncMessageWriter},
 *     {@link EngineReader}, {@link NativeMessageReader}, {@link NativeAsyncMessageReader}.
 * <li>Conversion of values: {@link Codecs} chooses a serializer or deserializer, {@link Serializing} and {@link Deserializing}
 *     call it, and {@link ValueClass} checks that it fits the program's values.
 * <li>Acknowledgement of messages: {@link Acknowledgements}.
 * <li>Waiting: {@link Notifier}, {@link Waiters}, {@link Waiter}.
 * <li>Events: {@link EventPump} fetches them; {@link MessageCallbacks}, which has a {@link MessageSource}, and {@link Outcomes}
 *     receive those of messages, with {@link Outcome} and {@link WritePromise}. A {@link MessageListener} receives messages: a
 *     {@link CallbackPair}, or a {@link MessageSubscription}.
 * <li>JMX: {@link ClientBean}.
 * <li>Keeping the JVM running: {@link Stay}.
 * <li>The fate of a message after a failure: {@link Consequence}.
 * <li>The threads of callbacks: {@link CallbackExecutor}, {@link CallbackPool}.
 * </ul>
 */
package jp.ad.sinet.stream.engine.client;
