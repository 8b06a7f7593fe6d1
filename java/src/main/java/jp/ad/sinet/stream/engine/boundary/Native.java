package jp.ad.sinet.stream.engine.boundary;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.WriteOptions;

/**
 * The functions of the native library. Each may throw any exception of this library; a released handle gives a
 * SinetStreamIOException. {@link #ensureLoaded} comes before any other call.
 *
 * <p>None blocks for longer than ten milliseconds, but {@link #changes}. Those that may find nothing are told what to do then:
 * {@link #LOOK}, {@link #ARMED}, {@link #BRIEFLY} or {@link #PATIENTLY}.
 *
 * <p>The natives that have a result are private, so that it is looked at by {@link Returned} before it is believed.
 */
public final class Native {
    /** Only looks. */
    public static final int LOOK = 0;
    /** Looks, and has {@link #changes} tell when another look is worth it. */
    public static final int ARMED = 1;
    /** The same, but first waits for half a millisecond. */
    public static final int BRIEFLY = 2;
    /** The same, but first waits for ten milliseconds. */
    public static final int PATIENTLY = 3;
    /** Of {@link #close}. */
    public static final long AS_CONFIGURED = -1;
    /** Of {@link #write}. */
    public static final long CONFIRMED = -1;

    static {
        // An application's class loader may be closed while its clients are open.
        Needed.load();
    }

    private Native() {
    }

    /** Loads the library, once per class loader; later calls repeat the failure of the first. */
    static void ensureLoaded() {
        NativeLoader.ensureLoaded();
    }

    /** Called by the native library, which needs no other class or method to tell an error. See {@link Errors#create}. */
    static void fail(byte[] packed) {
        throw Errors.create(packed);
    }

    /** The version of the library, in UTF-8. Libraries of every version have it. */
    static native byte[] version();

    /** Comes once, before all that follows: the library looks up what it needs of the JDK. */
    static native void prepare();

    /** Every known parameter with a note, as a tree. */
    static byte[] parameters() {
        return Returned.array(parameters0());
    }

    private static native byte[] parameters0();

    /** Compresses a value by itself. {@code parameters}: a tree, what stands in {@code compression}. */
    static byte[] compress(byte[] parameters, byte[] value) {
        return Returned.array(compress0(parameters, value));
    }

    private static native byte[] compress0(byte[] parameters, byte[] value);

    /** Undoes it. */
    static byte[] decompress(byte[] parameters, byte[] bytes) {
        return Returned.array(decompress0(parameters, bytes));
    }

    private static native byte[] decompress0(byte[] parameters, byte[] bytes);

    /** Reads the PEM files that a tree names; see {@link PemFiles}. The result has secrets. */
    static byte[] pemInDer(byte[] wanted) {
        return Returned.array(pemInDer0(wanted));
    }

    private static native byte[] pemInDer0(byte[] wanted);

    /** The number of handles that are open in this process. */
    static int liveHandles() {
        return (int) Returned.number(liveHandles0()) - 1;
    }

    /** That number plus 1. */
    private static native int liveHandles0();

    /** Finds, reads and checks the configuration; no network. The handle is never 0. */
    static long open(byte[] options) {
        return Returned.number(open0(options));
    }

    private static native long open0(byte[] options);

    /** The configuration in force, as a tree. */
    static byte[] describe(long handle) {
        return Returned.array(describe0(handle));
    }

    private static native byte[] describe0(long handle);

    /** Begins to connect, and to subscribe. {@code keyMaterial}: a tree, see {@link KeyMaterial}; {@code stages} may be null. */
    static native void connect(long handle, byte[] keyMaterial, PluginStages stages);

    /** A tree with what the engine asks, see {@link Questions}; empty when that is known. It may hold passwords, and comes once. */
    static byte[] question(long handle, long what) {
        return Returned.array(question0(handle, what));
    }

    private static native byte[] question0(long handle, long what);

    /** The answer to that: a tree. */
    static native void answer(long handle, long what, byte[] answer);

    /**
     * Waits until something has changed at any client, without a limit of time: handles, each with what has changed there (a
     * ticket, or one of the constants of {@code Waiters}). Empty after {@link #interruptChanges}.
     */
    public static long[] changes() {
        return Returned.array(changes0());
    }

    private static native long[] changes0();

    /** Ends a wait for changes, the present or the next. */
    public static native void interruptChanges();

    /** A ticket for the end of the opening, which may be a failure. */
    public static long opened(long handle) {
        return Returned.number(opened0(handle));
    }

    private static native long opened0(long handle);

    /**
     * Sends a message: {@link #CONFIRMED}, else a ticket for {@link #await}. The engine ends it when its time is up. The options
     * may be null.
     */
    public static long write(long handle, byte[] value, long timestampMicros, WriteOptions options, int how) {
        return Returned.number(write0(handle, value, timestampMicros, MessageOptions.encode(handle, options), how));
    }

    private static native long write0(long handle, byte[] value, long timestampMicros, byte[] options, int how);

    /**
     * Accepts a message without waiting for its confirmation: its number, counted from 1 in the order of the
     * calls. When the outbox is full: the negative of a ticket, which ends with the acceptance. The message's end comes with
     * {@link #events}. The options may be null.
     */
    public static long submit(long handle, byte[] value, long timestampMicros, WriteOptions options) {
        return Returned.number(submit0(handle, value, timestampMicros, MessageOptions.encode(handle, options)));
    }

    private static native long submit0(long handle, byte[] value, long timestampMicros, byte[] options);

    /** A ticket for the end of all messages that were accepted before. */
    public static long flush(long handle) {
        return Returned.number(flush0(handle));
    }

    private static native long flush0(long handle);

    /** Asks the broker for an answer: a ticket for it. Throws when there is no connection. */
    public static long ping(long handle) {
        return Returned.number(ping0(handle));
    }

    private static native long ping0(long handle);

    /** True when what the ticket stands for has succeeded; throws when it failed. Either way the ticket is used up. */
    public static boolean await(long handle, long ticket, int how) {
        return Returned.done(await0(handle, ticket, how));
    }

    private static native int await0(long handle, long ticket, int how);

    /** Gives up a ticket. */
    public static native void abandon(long handle, long ticket);

    /** The bytes on the wire of the message written last, or null. */
    public static byte[] lastMessageBytes(long handle) {
        byte[] packed = Returned.array(lastMessageBytes0(handle));
        return packed[0] == 0 ? null : Arrays.copyOfRange(packed, 1, packed.length);
    }

    /** With a byte before them; 0 is none. */
    private static native byte[] lastMessageBytes0(long handle);

    /** Packed records of the messages that are there, perhaps none: in this array if they fit, else in a new one. */
    static byte[] read(long handle, int maxMessages, byte[] array, int how) {
        return Returned.array(read0(handle, maxMessages, array, how));
    }

    private static native byte[] read0(long handle, int maxMessages, byte[] array, int how);

    /** The application has all messages up to this sequence number: they can be acknowledged. */
    public static native void taken(long handle, long seq);

    /** The application has processed the message with this sequence number, which was not taken. Only the first time counts. */
    public static native void acknowledge(long handle, long seq);

    /** The application could not process that message: it is read again when the broker sends it again. */
    public static native void failed(long handle, long seq);

    /** Decodes one message from its bytes on the wire into a packed record, see {@link Packed#decoded}. */
    static byte[] decode(long handle, byte[] wire, String topic) {
        byte[] name = topic == null ? new byte[0] : topic.getBytes(StandardCharsets.UTF_8);
        return Returned.array(decode0(handle, wire, name));
    }

    private static native byte[] decode0(long handle, byte[] wire, byte[] topic);

    /**
     * The bytes of a message for a plugin's messaging system. {@code sizes} gets the value's size before and after
     * compression.
     */
    public static byte[] encode(long handle, byte[] value, long timestampMicros, long[] sizes) {
        return Returned.array(encode0(handle, value, timestampMicros, sizes));
    }

    private static native byte[] encode0(long handle, byte[] value, long timestampMicros, long[] sizes);

    /** Counts such a message, with its size and those. */
    public static native void count(long handle, long wire, long plain, long compressed);

    /**
     * What has happened, packed (see {@link PackedEvents}), or null when nothing has: changes of the connection, the ends
     * of submitted messages, and, if wanted, that messages wait to be read.
     */
    public static byte[] events(long handle, boolean wantMessages, int how) {
        byte[] packed = Returned.array(events0(handle, wantMessages, how));
        return packed.length == 0 ? null : packed;
    }

    /** Empty when nothing has. */
    private static native byte[] events0(long handle, boolean wantMessages, int how);

    /** The state of the connection, see {@link Snapshot}. */
    public static long[] info(long handle) {
        return Returned.array(info0(handle));
    }

    private static native long[] info0(long handle);

    /** The counters, see {@link Snapshot}. */
    public static long[] metrics(long handle) {
        return Returned.array(metrics0(handle));
    }

    private static native long[] metrics0(long handle);

    /** Begins to count anew. */
    public static native void resetMetrics(long handle);

    /** Counts an error that happened in Java. Of a client that is closed meanwhile it would no longer show. */
    public static void countError(long handle) {
        try {
            countError0(handle);
        } catch (SinetStreamException e) {
            // closed meanwhile
        }
    }

    private static native void countError0(long handle);

    /**
     * Begins an orderly end, which takes these milliseconds at most, or, if they are negative, the configured time: a ticket
     * for that, which fails when messages could not be delivered.
     */
    public static long close(long handle, long millis) {
        return Returned.number(close0(handle, millis));
    }

    private static native long close0(long handle, long millis);

    /** Frees the handle; a client that is still open is cut off. */
    public static native void release(long handle);
}
