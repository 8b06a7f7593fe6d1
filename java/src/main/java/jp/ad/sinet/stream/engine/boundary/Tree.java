package jp.ad.sinet.stream.engine.boundary;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The tagged binary encoding in which structured data is passed to the native library and back: null, Boolean, Long, Double,
 * String, byte[], List, and Map with strings as keys.
 */
final class Tree {
    private static final int NULL = 0;
    private static final int FALSE = 1;
    private static final int TRUE = 2;
    private static final int LONG = 3;
    private static final int DOUBLE = 4;
    private static final int STRING = 5;
    private static final int BYTES = 6;
    private static final int LIST = 7;
    private static final int MAP = 8;

    /** A greater depth than {@link Options} accepts. */
    private static final int MAX_DEPTH = 128;
    /** The size of the smallest map entry: the length of the key and the tag of the value. */
    private static final int MIN_ENTRY_SIZE = Integer.BYTES + 1;

    private Tree() {
    }

    /** Encodes a value. The result may contain passwords, so the caller wipes it. */
    static byte[] encode(Object value) {
        try (WipedOutput out = new WipedOutput()) {
            encode(value, out);
            return out.toByteArray();
        }
    }

    private static void encode(Object value, WipedOutput out) {
        if (value == null) {
            out.write(NULL);
        } else if (value instanceof Boolean) {
            out.write((Boolean) value ? TRUE : FALSE);
        } else if (value instanceof Long) {
            out.write(LONG);
            out.writeBytes(ByteBuffer.allocate(Long.BYTES).putLong((Long) value).array());
        } else if (value instanceof Double) {
            out.write(DOUBLE);
            out.writeBytes(ByteBuffer.allocate(Double.BYTES).putDouble((Double) value).array());
        } else if (value instanceof String) {
            out.write(STRING);
            byte[] text = ((String) value).getBytes(StandardCharsets.UTF_8);
            block(text, out);
            Arrays.fill(text, (byte) 0);
        } else if (value instanceof byte[]) {
            out.write(BYTES);
            block((byte[]) value, out);
        } else if (value instanceof List) {
            List<?> list = (List<?>) value;
            out.write(LIST);
            length(list.size(), out);
            list.forEach(item -> encode(item, out));
        } else if (value instanceof Map) {
            Map<?, ?> map = (Map<?, ?>) value;
            out.write(MAP);
            length(map.size(), out);
            map.forEach((key, item) -> {
                block(((String) key).getBytes(StandardCharsets.UTF_8), out);
                encode(item, out);
            });
        } else {
            throw new IllegalArgumentException("no encoding for " + value.getClass().getName());
        }
    }

    private static void block(byte[] bytes, WipedOutput out) {
        length(bytes.length, out);
        out.writeBytes(bytes);
    }

    private static void length(int length, WipedOutput out) {
        out.writeBytes(ByteBuffer.allocate(Integer.BYTES).putInt(length).array());
    }

    /** Decodes a value. Lists and maps in the result cannot be modified. */
    static Object decode(byte[] encoded) {
        Bytes in = new Bytes(encoded);
        Object value = decode(in, 0);
        if (in.hasRemaining()) {
            throw Errors.malformed("data after the end of a tree");
        }
        return value;
    }

    private static Object decode(Bytes in, int depth) {
        if (depth > MAX_DEPTH) {
            throw Errors.malformed("a tree is nested too deeply");
        }
        int tag = in.u8();
        switch (tag) {
            case NULL:
                return null;
            case FALSE:
                return Boolean.FALSE;
            case TRUE:
                return Boolean.TRUE;
            case LONG:
                return in.i64();
            case DOUBLE:
                return in.f64();
            case STRING:
                return in.string();
            case BYTES:
                return in.block();
            case LIST:
                return list(in, depth);
            case MAP:
                return map(in, depth);
            default:
                throw Errors.malformed("unknown tag " + tag + " in a tree");
        }
    }

    private static List<Object> list(Bytes in, int depth) {
        int count = in.count(1);
        List<Object> list = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            list.add(decode(in, depth + 1));
        }
        return Collections.unmodifiableList(list);
    }

    private static Map<String, Object> map(Bytes in, int depth) {
        int count = in.count(MIN_ENTRY_SIZE);
        Map<String, Object> map = new LinkedHashMap<>();
        for (int i = 0; i < count; i++) {
            map.put(in.string(), decode(in, depth + 1));
        }
        return Collections.unmodifiableMap(map);
    }
}
