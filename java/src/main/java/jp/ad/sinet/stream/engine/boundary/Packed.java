package jp.ad.sinet.stream.engine.boundary;

import java.util.Map;

import jp.ad.sinet.stream.api.PublishPacket;
import jp.ad.sinet.stream.api.SinetStreamException;

/** Iterates over the records of received messages that the native library packs into one array. Not thread-safe. */
public final class Packed {
    private static final int MESSAGE = 0;
    private static final int FAILURE = 1;
    private static final int NO_MEMORY = 2;

    private static final int RETAIN = 1;
    private static final int DUPLICATE = 2;
    /** The flag for properties, which follow the payload. */
    private static final int PROPERTIES = 4;
    private static final int QOS_LEVELS = 3;
    private static final int FLAG_VALUES = 8;
    /** The number of messages that may be fetched ahead of the application; they stay unacknowledged until it has them. */
    private static final int CREDIT = 64;
    /** The largest array that is kept for the next records. */
    private static final int MAX_KEPT = 512 * 1024;
    private static final byte[] NOTHING = {};
    private static final Bytes NO_RECORDS = new Bytes(NOTHING);

    private final Bytes.Cached lastTopic = new Bytes.Cached();
    private Bytes in = NO_RECORDS;
    /** Reused, because a record's parts are copied out before the next records are fetched. */
    private byte[] buffer = NOTHING;
    /** The records that were read and could not be loaded yet because the JVM lacked memory. */
    private byte[] records;
    private long seq;
    private long timestampMicros;
    /** Shared by consecutive messages that have the same topic, quality of service and flags, and no properties. */
    private PublishPacket plain = new PublishPacket("", 0, false, false);
    private PublishPacket raw;
    private String topic;
    private int payloadLength;
    private byte[] payload;
    private SinetStreamException failure;
    private OutOfMemoryError lacking;
    /** The exceptions that plugins have thrown for the records, or null. */
    private PluginFailures ofPlugins;

    /**
     * Decodes one message from its encoding on the wire.
     *
     * @param topic null if it is not known
     */
    public static Packed decoded(long handle, byte[] wire, String topic) {
        Packed record = new Packed();
        record.load(Native.decode(handle, wire, topic));
        if (!record.next()) {
            throw Errors.malformed("no record of a message");
        }
        return record;
    }

    /** Starts with the records of an array. */
    void load(byte[] records) {
        in = Bytes.withLength(records);
    }

    /** Tells whether there is another record without fetching. */
    public boolean hasNext() {
        return in.hasRemaining();
    }

    /**
     * Starts with the next records of a reader. Returns false when there are none. {@code how} is as for {@link Native#read}.
     */
    public boolean fetch(long handle, int how) {
        return fetch(handle, CREDIT, how);
    }

    /** Starts with at most {@code most} of the next records. */
    public boolean fetch(long handle, long most, int how) {
        in = NO_RECORDS; // releases a large array before the next one is made
        payload = null;
        if (records == null) {
            try {
                records = Native.read(handle, (int) Math.min(CREDIT, most), buffer, how);
            } finally {
                ofPlugins = PluginFailures.takeAll();
            }
        }
        if (records.length <= MAX_KEPT) {
            buffer = records;
        }
        load(records);
        records = null;
        return in.hasRemaining();
    }

    /**
     * Advances to the next record. Returns false when there is none. A record for which the JVM lacks memory is returned
     * again.
     */
    public boolean next() {
        if (!in.hasRemaining()) {
            return false;
        }
        int start = in.position();
        try {
            parse();
            return true;
        } catch (SinetStreamException e) {
            in = NO_RECORDS; // the beginning of the next record is not known
            throw e;
        } catch (OutOfMemoryError e) {
            in.position(start);
            throw e;
        }
    }

    private void parse() {
        int kind = in.u8();
        seq = in.i64();
        if (kind == MESSAGE) {
            timestampMicros = in.i64();
            int qos = in.u8();
            int flags = in.u8();
            if (qos >= QOS_LEVELS || flags >= FLAG_VALUES) {
                throw Errors.malformed("bad flags in a record");
            }
            topic = in.string(lastTopic);
            payloadLength = in.count(1);
            payload = in.take(payloadLength);
            raw = packet(qos, flags);
            failure = null;
            lacking = null;
        } else if (kind == FAILURE) {
            topic = in.string(lastTopic);
            int code = in.i32();
            String text = in.string();
            failure = Errors.of(code, text, ofPlugins == null ? null : ofPlugins.cause(text));
            lacking = Errors.lacking(failure);
            if (lacking != null) {
                failure = null;
            }
            payload = null;
        } else if (kind == NO_MEMORY) {
            topic = in.string(lastTopic);
            lacking = new OutOfMemoryError(in.string());
            failure = null;
            payload = null;
        } else {
            throw Errors.malformed("unknown kind of record " + kind);
        }
    }

    private PublishPacket packet(int qos, int flags) {
        boolean retained = (flags & RETAIN) != 0;
        boolean duplicate = (flags & DUPLICATE) != 0;
        if ((flags & PROPERTIES) != 0) {
            try {
                @SuppressWarnings("unchecked") // the keys of a decoded map are strings
                Map<String, ?> properties = (Map<String, ?>) Tree.decode(in.block());
                return new PublishPacket(topic, qos, retained, duplicate, properties);
            } catch (ClassCastException | NullPointerException | IllegalArgumentException e) {
                throw Errors.malformed("bad properties in a record");
            }
        }
        // Identity of the strings is sufficient: if the topic is unchanged, `lastTopic` returns the same object.
        if (plain.getTopic() != topic || plain.getQos() != qos || plain.isRetained() != retained
                || plain.isDuplicate() != duplicate) {
            plain = new PublishPacket(topic, qos, retained, duplicate);
        }
        return plain;
    }

    public long seq() {
        return seq;
    }

    public long timestampMicros() {
        return timestampMicros;
    }

    /** Returns the object for {@code Message.getRaw}. */
    public PublishPacket raw() {
        return raw;
    }

    public String topic() {
        return topic;
    }

    /**
     * Returns the serialized value, which the caller owns.
     *
     * @throws OutOfMemoryError when the JVM lacks the memory for it; the message is not at fault
     */
    public byte[] payload() {
        if (payload == null) {
            throw new OutOfMemoryError("the message has " + payloadLength
                    + " bytes when it is decoded, and the JVM has not the memory for it twice");
        }
        return payload;
    }

    /** Returns the error that prevented the decoding of a message, which may be valid; null if memory was not lacking. */
    public OutOfMemoryError lacking() {
        return lacking;
    }

    /** Returns why the message could not be decoded; null when it could. */
    public SinetStreamException failure() {
        return failure;
    }
}
