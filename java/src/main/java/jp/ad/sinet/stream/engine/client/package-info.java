/**
 * Clients with the engine's own connection, and what clients of plugins share with them. Internal: not for use by programs, and may change in any release. What is public
 * here is so for the opening of clients, and for the package of plugins, whose clients code values, tell news, run callbacks
 * and close in the same way.
 *
 * <p>No thread of the native library enters the JVM, and no call of it blocks for long. One thread, the notifier's, waits in it
 * for changes at all clients; it wakes the threads that wait for them in Java, where they can be interrupted, and has
 * callbacks run.
 *
 * <ul>
 * <li>The clients: {@link Client}, {@link EngineClient}, {@link NativeMessageWriter},
 *     {@link NativeAsyncMessageWriter}, {@link EngineReader}, {@link NativeMessageReader}, {@link NativeAsyncMessageReader}.
 * <li>Their values: {@link Codecs} chooses, {@link Serializing} and {@link Deserializing} use what was chosen, and {@link ValueClass} sees whether
 *     it is for the program's values.
 * <li>When messages are acknowledged: {@link Acknowledgements}.
 * <li>Waiting: {@link Notifier}, {@link Waiters}, {@link Waiter}.
 * <li>News: {@link EventPump} takes them; {@link MessageCallbacks}, which has a {@link MessageSource}, and {@link Outcomes} are told
 *     those of messages, with {@link Outcome} and {@link WritePromise}. A {@link MessageListener} gets messages: a {@link CallbackPair},
 *     or a {@link MessageSubscription}.
 * <li>What JMX shows: {@link ClientBean}.
 * <li>What the JVM does not end for: {@link Stay}.
 * <li>What failures say of a message: {@link Consequence}.
 * <li>Where callbacks run: {@link CallbackExecutor}, {@link CallbackPool}.
 * </ul>
 */
package jp.ad.sinet.stream.engine.client;
