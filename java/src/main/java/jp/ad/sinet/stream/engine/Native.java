package jp.ad.sinet.stream.engine;

/**
 * The functions of the native library. Each may throw any exception of this library; a released handle gives a
 * SinetStreamIOException. Times to wait are in milliseconds. {@link #ensureLoaded} comes before any other call.
 */
final class Native {
    private Native() {
    }

    /** Loads the library, once per class loader; later calls repeat the failure of the first. */
    static void ensureLoaded() {
        NativeLoader.ensureLoaded();
    }

    /** The version of the library, in UTF-8. */
    static native byte[] version();

    /** Every known parameter with a note, as a tree. */
    static native byte[] parameters();

    /** The number of handles that are open in this process. */
    static native int liveHandles();

    /** Finds, reads and checks the configuration; no network. The handle is never 0. */
    static native long open(byte[] options);

    /** The configuration in force, as a tree. */
    static native byte[] describe(long handle);

    /** Begins to connect, and to subscribe. {@code keyMaterial}: a tree, see {@link KeyMaterial}; {@code stages} may be null. */
    static native void connect(long handle, byte[] keyMaterial, PluginStages stages);

    /** True when connected; throws when that failed. */
    static native boolean awaitConnected(long handle, int waitMs);

    /** Sends a message: 0 when it is confirmed already, else a ticket for {@link #await}. */
    static native long write(long handle, byte[] value, long timestampMicros, int waitMs);

    /**
     * Accepts a message, as of now, without waiting for its confirmation: its number, counted from 0 in the order of the
     * calls; -1 when the outbox is full, also after this wait. Its end comes with {@link #events}.
     */
    static native long submit(long handle, byte[] value, int waitMs);

    /** A ticket for the end of all messages that were accepted before; 0 when that is now. */
    static native long flush(long handle);

    /** Asks the broker for an answer: a ticket for it. Throws when there is no connection. */
    static native long ping(long handle);

    /** True when what the ticket stands for has succeeded; throws when it failed. Either way the ticket is used up. */
    static native boolean await(long handle, long ticket, int waitMs);

    /** Gives up a ticket. */
    static native void abandon(long handle, long ticket);

    /** The bytes on the wire of the message written last, or null. */
    static native byte[] lastMessageBytes(long handle);

    /**
     * Packed records of the messages that are there, in this array if they fit, else in a new one; null when none came.
     */
    static native byte[] read(long handle, int maxMessages, byte[] array, int waitMs);

    /** The application has all messages up to this sequence number: they can be acknowledged. */
    static native void taken(long handle, long seq);

    /** Decodes one message from its bytes on the wire into a packed record. */
    static native byte[] decode(long handle, byte[] wire);

    /**
     * The bytes of a message for a plugin's messaging system. {@code sizes} gets the value's size before and after
     * compression.
     */
    static native byte[] encode(long handle, byte[] value, long timestampMicros, long[] sizes);

    /** Counts such a message, with its size and those. */
    static native void count(long handle, long wire, long plain, long compressed);

    /** Whether there is a connection now. */
    static native boolean isConnected(long handle);

    /**
     * What has happened, packed (see {@link PackedEvents}), or null when nothing has: changes of the connection, the ends
     * of submitted messages, and, if wanted, that messages wait to be read. A release of the handle ends the wait.
     */
    static native byte[] events(long handle, boolean wantMessages, int waitMs);

    /** The state of the connection, see {@link Snapshot}. */
    static native long[] info(long handle);

    /** The counters, see {@link Snapshot}. */
    static native long[] metrics(long handle);

    /** Begins to count anew. */
    static native void resetMetrics(long handle);

    /** Ends a wait for events, the present or the next, so that it is asked anew what is wanted. */
    static native void nudge(long handle);

    /** Counts an error that happened in Java. */
    static native void countError(long handle);

    /** Begins an orderly end; returns at once. */
    static native void close(long handle);

    /** True when the end is reached; throws when messages could not be delivered. */
    static native boolean awaitClosed(long handle, int waitMs);

    /** Frees the handle; a client that is still open is cut off. */
    static native void release(long handle);
}
