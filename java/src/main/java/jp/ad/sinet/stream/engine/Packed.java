package jp.ad.sinet.stream.engine;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

import jp.ad.sinet.stream.api.SinetStreamException;

/** Walks through the records of received messages that the native library packs into one array. Not thread-safe. */
final class Packed {
    private static final int MESSAGE = 0;
    private static final int FAILURE = 1;

    private static final int RETAIN = 1;
    private static final int DUPLICATE = 2;
    private static final int QOS_LEVELS = 3;
    private static final int FLAG_VALUES = 4;
    /** What {@code Message.getRaw} returns: shared, by quality of service and flags. */
    private static final Object[] RAW = new Object[QOS_LEVELS * FLAG_VALUES];

    static {
        for (int i = 0; i < RAW.length; i++) {
            int flags = i % FLAG_VALUES;
            Map<String, Object> raw = new LinkedHashMap<>();
            raw.put("qos", i / FLAG_VALUES);
            raw.put("retain", (flags & RETAIN) != 0);
            raw.put("duplicate", (flags & DUPLICATE) != 0);
            RAW[i] = Collections.unmodifiableMap(raw);
        }
    }

    private final Bytes.Cached lastTopic = new Bytes.Cached();
    private Bytes in = new Bytes(new byte[0]);
    private long seq;
    private long timestampMicros;
    private Object raw;
    private String topic;
    private byte[] payload;
    private SinetStreamException failure;

    /** Starts with the records of another array. */
    void load(byte[] records) {
        in = new Bytes(records);
    }

    /** Goes to the next record; false when there is none. */
    boolean next() {
        if (!in.hasRemaining()) {
            return false;
        }
        try {
            parse();
            return true;
        } catch (SinetStreamException e) {
            in = new Bytes(new byte[0]); // what follows has no known beginning
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
            raw = RAW[qos * FLAG_VALUES + flags];
            topic = in.string(lastTopic);
            payload = in.block();
            failure = null;
        } else if (kind == FAILURE) {
            topic = in.string(lastTopic);
            int code = in.i32();
            failure = Errors.of(code, in.string());
            payload = null;
        } else {
            throw Errors.malformed("unknown kind of record " + kind);
        }
    }

    long seq() {
        return seq;
    }

    long timestampMicros() {
        return timestampMicros;
    }

    Object raw() {
        return raw;
    }

    String topic() {
        return topic;
    }

    /** The serialized value; the caller owns it. */
    byte[] payload() {
        return payload;
    }

    /** Why the message could not be decoded; null when it could. */
    SinetStreamException failure() {
        return failure;
    }
}
