package jp.ad.sinet.stream.engine.boundary;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.WriteOptions;

/**
 * The functions of the native library. Each may throw any exception of this library; with a released handle they throw a
 * SinetStreamIOException. {@link #ensureLoaded} must precede every other call.
 *
 * <p>None except {@link #changes} blocks for longer than ten milliseconds. Functions that may find nothing have an argument
 * that says what to do then: {@link #LOOK}, {@link #ARMED}, {@link #BRIEFLY} or {@link #PATIENTLY}.
 *
 * <p>The natives that have a result are private, so that {@link Returned} checks each result before it is used.
 */
public final class Native {
    /** Only checks. */
    public static final int LOOK = 0;
    /** Checks, and makes {@link #changes} report when another check is worthwhile. */
    public static final int ARMED = 1;
    /** As {@link #ARMED}, but first waits for half a millisecond. */
    public static final int BRIEFLY = 2;
    /** As {@link #ARMED}, but first waits for ten milliseconds. */
    public static final int PATIENTLY = 3;
    /** The argument of {@link #close} for the configured time. */
    public static final long AS_CONFIGURED = -1;
    /** The result of {@link #write} for a confirmed message. */
    public static final long CONFIRMED = -1;

    static {
        // The classes are loaded now: an application's class loader may be closed while its clients are open.
        Needed.load();
    }

    private Native() {
    }

    /** Loads the library, once per class loader; later calls repeat the failure of the first. */
    static void ensureLoaded() {
        NativeLoader.ensureLoaded();
    }

    /**
     * Throws an error. The native library calls this, and needs no other class or method for its errors. See
     * {@link Errors#create}.
     */
    static void fail(byte[] packed) {
        throw Errors.create(packed);
    }

    /** Returns the version of the library, in UTF-8. Libraries of every version have this function. */
    static native byte[] version();

    /** Makes the library look up the parts of the JDK that it needs. Called once, before all functions below. */
    static native void prepare();

    /** Returns every known parameter with a note, as a tree. */
    static byte[] parameters() {
        return Returned.array(parameters0());
    }

    private static native byte[] parameters0();

    /** Compresses a single value. {@code parameters} is a tree of the map {@code compression}. */
    static byte[] compress(byte[] parameters, byte[] value) {
        return Returned.array(compress0(parameters, value));
    }

    private static native byte[] compress0(byte[] parameters, byte[] value);

    /** Decompresses a single value. */
    static byte[] decompress(byte[] parameters, byte[] bytes) {
        return Returned.array(decompress0(parameters, bytes));
    }

    private static native byte[] decompress0(byte[] parameters, byte[] bytes);

    /** Reads the PEM files that a tree names; see {@link PemFiles}. The result contains secrets. */
    static byte[] pemInDer(byte[] wanted) {
        return Returned.array(pemInDer0(wanted));
    }

    private static native byte[] pemInDer0(byte[] wanted);

    /** Returns the number of handles that are open in this process. */
    static int liveHandles() {
        return (int) Returned.number(liveHandles0()) - 1;
    }

    /** Returns that number plus 1. */
    private static native int liveHandles0();

    /** Finds, reads and checks the configuration, without any connection. The handle is never 0. */
    static long open(byte[] options) {
        return Returned.number(open0(options));
    }

    private static native long open0(byte[] options);

    /** Returns the configuration in force, as a tree. */
    static byte[] describe(long handle) {
        return Returned.array(describe0(handle));
    }

    private static native byte[] describe0(long handle);

    /**
     * Begins to connect and to subscribe. {@code keyMaterial} is a tree, see {@link KeyMaterial}; {@code stages} may be null.
     */
    static native void connect(long handle, byte[] keyMaterial, PluginStages stages);

    /**
     * Returns a tree with the engine's question, see {@link Questions}; it is empty when the question has no parameters. It may
     * hold passwords, and can be taken once.
     */
    static byte[] question(long handle, long what) {
        return Returned.array(question0(handle, what));
    }

    private static native byte[] question0(long handle, long what);

    /** Passes on the answer to that question, a tree. */
    static native void answer(long handle, long what, byte[] answer);

    /**
     * Waits without a time limit until something has changed at any client. Returns handles, each with the change (a ticket,
     * or one of the constants of {@code Waiters}). The result is empty after {@link #interruptChanges}.
     */
    public static long[] changes() {
        return Returned.array(changes0());
    }

    private static native long[] changes0();

    /** Ends a call of {@link #changes}, the present or the next one. */
    public static native void interruptChanges();

    /** Returns a ticket for the end of the opening, which may be a failure. */
    public static long opened(long handle) {
        return Returned.number(opened0(handle));
    }

    private static native long opened0(long handle);

    /**
     * Sends a message. Returns {@link #CONFIRMED}, otherwise a ticket for {@link #await}. The engine ends the write at its
     * deadline. The options may be null.
     */
    public static long write(long handle, byte[] value, long timestampMicros, WriteOptions options, int how) {
        return Returned.number(write0(handle, value, timestampMicros, MessageOptions.encode(handle, options), how));
    }

    private static native long write0(long handle, byte[] value, long timestampMicros, byte[] options, int how);

    /**
     * Accepts a message without waiting for its confirmation. Returns its number, counted from 1 in the order of the calls.
     * When the outbox is full, returns the negative of a ticket, which ends with the acceptance. The outcome of the message
     * comes with {@link #events}. The options may be null.
     */
    public static long submit(long handle, byte[] value, long timestampMicros, WriteOptions options) {
        return Returned.number(submit0(handle, value, timestampMicros, MessageOptions.encode(handle, options)));
    }

    private static native long submit0(long handle, byte[] value, long timestampMicros, byte[] options);

    /** Returns a ticket for the end of all messages that were accepted before. */
    public static long flush(long handle) {
        return Returned.number(flush0(handle));
    }

    private static native long flush0(long handle);

    /** Sends PINGREQ to the broker. Returns a ticket for the answer. Throws when there is no connection. */
    public static long ping(long handle) {
        return Returned.number(ping0(handle));
    }

    private static native long ping0(long handle);

    /** Returns true when the operation of the ticket has succeeded; throws when it failed. Either way the ticket is used up. */
    public static boolean await(long handle, long ticket, int how) {
        return Returned.done(await0(handle, ticket, how));
    }

    private static native int await0(long handle, long ticket, int how);

    /** Gives up a ticket. */
    public static native void abandon(long handle, long ticket);

    /** Returns the encoding on the wire of the message that was written last, or null. */
    public static byte[] lastMessageBytes(long handle) {
        byte[] packed = Returned.array(lastMessageBytes0(handle));
        return packed[0] == 0 ? null : Arrays.copyOfRange(packed, 1, packed.length);
    }

    /** Returns it with a leading byte, which is 0 if there is none. */
    private static native byte[] lastMessageBytes0(long handle);

    /**
     * Returns packed records of the messages that are present, perhaps none: in the given array if they fit, otherwise in a
     * new one.
     */
    static byte[] read(long handle, int maxMessages, byte[] array, int how) {
        return Returned.array(read0(handle, maxMessages, array, how));
    }

    private static native byte[] read0(long handle, int maxMessages, byte[] array, int how);

    /** Reports that the application has all messages up to this sequence number, so that they can be acknowledged. */
    public static native void taken(long handle, long seq);

    /**
     * Reports that the application has processed the message with this sequence number, which was not reported as taken.
     * Repeated calls are ignored.
     */
    public static native void acknowledge(long handle, long seq);

    /** Reports that the application could not process the message, so that it is read again when the broker sends it again. */
    public static native void failed(long handle, long seq);

    /** Decodes one message from its encoding on the wire into a packed record; see {@link Packed#decoded}. */
    static byte[] decode(long handle, byte[] wire, String topic) {
        byte[] name = topic == null ? new byte[0] : topic.getBytes(StandardCharsets.UTF_8);
        return Returned.array(decode0(handle, wire, name));
    }

    private static native byte[] decode0(long handle, byte[] wire, byte[] topic);

    /**
     * Encodes a message for a plugin's messaging system. {@code sizes} receives the value's size before and after
     * compression.
     */
    public static byte[] encode(long handle, byte[] value, long timestampMicros, long[] sizes) {
        return Returned.array(encode0(handle, value, timestampMicros, sizes));
    }

    private static native byte[] encode0(long handle, byte[] value, long timestampMicros, long[] sizes);

    /** Counts a message that went through a plugin, with its three sizes. */
    public static native void count(long handle, long wire, long plain, long compressed);

    /**
     * Returns the packed events (see {@link PackedEvents}), or null when there are none: changes of the connection, the
     * outcomes of submitted messages, and, if wanted, that messages wait to be read.
     */
    public static byte[] events(long handle, boolean wantMessages, int how) {
        byte[] packed = Returned.array(events0(handle, wantMessages, how));
        return packed.length == 0 ? null : packed;
    }

    /** Returns an empty array when there are none. */
    private static native byte[] events0(long handle, boolean wantMessages, int how);

    /** Returns the state of the connection; see {@link Snapshot}. */
    public static long[] info(long handle) {
        return Returned.array(info0(handle));
    }

    private static native long[] info0(long handle);

    /** Returns the counters; see {@link Snapshot}. */
    public static long[] metrics(long handle) {
        return Returned.array(metrics0(handle));
    }

    private static native long[] metrics0(long handle);

    /** Resets the counters. */
    public static native void resetMetrics(long handle);

    /** Counts an error that happened in Java. An error of a client that was closed meanwhile would not show any more. */
    public static void countError(long handle) {
        try {
            countError0(handle);
        } catch (SinetStreamException e) {
            // The client was closed meanwhile.
        }
    }

    private static native void countError0(long handle);

    /**
     * Begins to disconnect in order, within the given milliseconds or, if they are negative, the configured time. Returns a
     * ticket, which fails when messages could not be delivered.
     */
    public static long close(long handle, long millis) {
        return Returned.number(close0(handle, millis));
    }

    private static native long close0(long handle, long millis);

    /** Frees the handle. The connection of a client that is still open is cut. */
    public static native void release(long handle);
}
