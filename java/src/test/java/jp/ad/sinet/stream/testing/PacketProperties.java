package jp.ad.sinet.stream.testing;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** The properties of an MQTT 5 packet (section 2.2.2), in the order in which they are added. */
public final class PacketProperties {
    public static final int PAYLOAD_FORMAT_INDICATOR = 0x01;
    public static final int MESSAGE_EXPIRY_INTERVAL = 0x02;
    public static final int CONTENT_TYPE = 0x03;
    public static final int RESPONSE_TOPIC = 0x08;
    public static final int CORRELATION_DATA = 0x09;
    public static final int SUBSCRIPTION_IDENTIFIER = 0x0B;
    public static final int SESSION_EXPIRY_INTERVAL = 0x11;
    public static final int ASSIGNED_CLIENT_IDENTIFIER = 0x12;
    public static final int SERVER_KEEP_ALIVE = 0x13;
    public static final int AUTHENTICATION_METHOD = 0x15;
    public static final int AUTHENTICATION_DATA = 0x16;
    public static final int REQUEST_PROBLEM_INFORMATION = 0x17;
    public static final int WILL_DELAY_INTERVAL = 0x18;
    public static final int REQUEST_RESPONSE_INFORMATION = 0x19;
    public static final int SERVER_REFERENCE = 0x1C;
    public static final int REASON_STRING = 0x1F;
    public static final int RECEIVE_MAXIMUM = 0x21;
    public static final int TOPIC_ALIAS_MAXIMUM = 0x22;
    public static final int TOPIC_ALIAS = 0x23;
    public static final int MAXIMUM_QOS = 0x24;
    public static final int RETAIN_AVAILABLE = 0x25;
    public static final int USER_PROPERTY = 0x26;
    public static final int MAXIMUM_PACKET_SIZE = 0x27;

    private static final Set<Integer> ONE_BYTE = Set.of(PAYLOAD_FORMAT_INDICATOR, REQUEST_PROBLEM_INFORMATION,
            REQUEST_RESPONSE_INFORMATION, MAXIMUM_QOS, RETAIN_AVAILABLE);
    private static final Set<Integer> TWO_BYTES = Set.of(SERVER_KEEP_ALIVE, RECEIVE_MAXIMUM, TOPIC_ALIAS_MAXIMUM,
            TOPIC_ALIAS);
    private static final Set<Integer> FOUR_BYTES = Set.of(MESSAGE_EXPIRY_INTERVAL, SESSION_EXPIRY_INTERVAL,
            WILL_DELAY_INTERVAL, MAXIMUM_PACKET_SIZE);
    private static final Set<Integer> BINARY = Set.of(CORRELATION_DATA, AUTHENTICATION_DATA);

    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    /** Adds a number in the width of the property. */
    public PacketProperties with(int id, long value) {
        bytes.write(id);
        if (id == SUBSCRIPTION_IDENTIFIER) {
            Packet.length(bytes, (int) value);
        } else {
            int width = ONE_BYTE.contains(id) ? 1 : TWO_BYTES.contains(id) ? 2 : 4;
            byte[] all = ByteBuffer.allocate(Long.BYTES).putLong(value).array();
            bytes.write(all, Long.BYTES - width, width);
        }
        return this;
    }

    public PacketProperties with(int id, String value) {
        bytes.write(id);
        Packet.string(bytes, value);
        return this;
    }

    public PacketProperties with(int id, byte[] value) {
        bytes.write(id);
        bytes.write(value.length >> 8);
        bytes.write(value.length);
        bytes.writeBytes(value);
        return this;
    }

    public PacketProperties user(String name, String value) {
        with(USER_PROPERTY, name);
        Packet.string(bytes, value);
        return this;
    }

    /** Adds the broker's reason string. */
    public PacketProperties reason(String text) {
        return with(REASON_STRING, text);
    }

    void write(ByteArrayOutputStream out) {
        Packet.length(out, bytes.size());
        out.writeBytes(bytes.toByteArray());
    }

    /** Reads the values of each property: Long, String, or a list of name and value; bytes as ISO 8859-1. */
    static Map<Integer, List<Object>> read(byte[] encoded) {
        Map<Integer, List<Object>> all = new TreeMap<>();
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(encoded))) {
            while (in.available() > 0) {
                int id = in.readUnsignedByte();
                all.computeIfAbsent(id, key -> new ArrayList<>()).add(value(id, in));
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return all;
    }

    private static Object value(int id, DataInputStream in) throws IOException {
        if (id == SUBSCRIPTION_IDENTIFIER) {
            return (long) Packet.length(in);
        } else if (ONE_BYTE.contains(id)) {
            return (long) in.readUnsignedByte();
        } else if (TWO_BYTES.contains(id)) {
            return (long) in.readUnsignedShort();
        } else if (FOUR_BYTES.contains(id)) {
            return Integer.toUnsignedLong(in.readInt());
        } else if (BINARY.contains(id)) {
            return new String(in.readNBytes(in.readUnsignedShort()), StandardCharsets.ISO_8859_1);
        }
        String text = string(in);
        return id == USER_PROPERTY ? List.of(text, string(in)) : text;
    }

    private static String string(DataInputStream in) throws IOException {
        return new String(in.readNBytes(in.readUnsignedShort()), StandardCharsets.UTF_8);
    }
}
