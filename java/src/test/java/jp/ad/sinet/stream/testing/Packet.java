package jp.ad.sinet.stream.testing;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;

/**
 * An MQTT control packet, for brokers and peers that a test simulates. Methods without a 5 in their names are for MQTT 3.1.1.
 */
public final class Packet {
    public static final int CONNECT = 1;
    public static final int CONNACK = 2;
    public static final int PUBLISH = 3;
    public static final int PUBACK = 4;
    public static final int PUBREC = 5;
    public static final int PUBREL = 6;
    public static final int PUBCOMP = 7;
    public static final int SUBSCRIBE = 8;
    public static final int SUBACK = 9;
    public static final int PINGREQ = 12;
    public static final int PINGRESP = 13;
    public static final int DISCONNECT = 14;

    private static final int MORE = 0x80;
    private static final int LOW = 0x7F;

    private final int first;
    private final byte[] body;

    public Packet(int type, int flags, byte[] body) {
        this.first = type << 4 | flags;
        this.body = body.clone();
    }

    public static Packet of(int type, int... body) {
        byte[] bytes = new byte[body.length];
        for (int i = 0; i < body.length; i++) {
            bytes[i] = (byte) body[i];
        }
        return new Packet(type, 0, bytes);
    }

    public static Packet connect(String clientId) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        string(out, "MQTT");
        out.writeBytes(new byte[] {4, 2, 0, 0});
        string(out, clientId);
        return new Packet(CONNECT, 0, out.toByteArray());
    }

    /** Makes a PUBLISH at QoS 1. */
    public static Packet publish(String topic, int id, byte[] payload) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        string(out, topic);
        out.write(id >> 8);
        out.write(id);
        out.writeBytes(payload);
        return new Packet(PUBLISH, 2, out.toByteArray());
    }

    /** Makes a PUBLISH at QoS 0. */
    public static Packet publish(String topic, byte[] payload) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        string(out, topic);
        out.writeBytes(payload);
        return new Packet(PUBLISH, 0, out.toByteArray());
    }

    // ---- MQTT 5

    public static Packet connack5(int code, PacketProperties properties) {
        return answer5(CONNACK, new int[] {0, code}, properties);
    }

    /** Makes a PUBACK, PUBREC or PUBCOMP. */
    public static Packet ack5(int type, int id, int code, PacketProperties properties) {
        return answer5(type, new int[] {id >> 8, id, code}, properties);
    }

    public static Packet suback5(int id, PacketProperties properties, int... codes) {
        return answer5(SUBACK, new int[] {id >> 8, id}, properties, codes);
    }

    public static Packet disconnect5(int code, PacketProperties properties) {
        return answer5(DISCONNECT, new int[] {code}, properties);
    }

    /** Makes a PUBLISH at QoS 0. */
    public static Packet publish5(String topic, PacketProperties properties, byte[] payload) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        string(out, topic);
        properties.write(out);
        out.writeBytes(payload);
        return new Packet(PUBLISH, 0, out.toByteArray());
    }

    private static Packet answer5(int type, int[] before, PacketProperties properties, int... after) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (int each : before) {
            out.write(each);
        }
        properties.write(out);
        for (int each : after) {
            out.write(each);
        }
        return new Packet(type, 0, out.toByteArray());
    }

    // ---- encoding

    static void string(ByteArrayOutputStream out, String string) {
        byte[] bytes = string.getBytes(StandardCharsets.UTF_8);
        out.write(bytes.length >> 8);
        out.write(bytes.length);
        out.writeBytes(bytes);
    }

    /** Appends a variable byte integer. */
    static void length(ByteArrayOutputStream out, int length) {
        int rest = length;
        while (rest > LOW) {
            out.write(rest & LOW | MORE);
            rest >>= 7;
        }
        out.write(rest);
    }

    static int length(DataInputStream in) throws IOException {
        int length = 0;
        for (int shift = 0;; shift += 7) {
            int next = in.readUnsignedByte();
            length |= (next & LOW) << shift;
            if ((next & MORE) == 0) {
                return length;
            }
        }
    }

    /** Reads the next packet of a stream. */
    static Packet read(DataInputStream in) throws IOException {
        int first = in.readUnsignedByte();
        int length = length(in);
        byte[] body = in.readNBytes(length);
        if (body.length < length) {
            throw new EOFException();
        }
        return new Packet(first >> 4, first & 0xF, body);
    }

    void write(OutputStream out) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.write(first);
        length(bytes, body.length);
        bytes.writeBytes(body);
        out.write(bytes.toByteArray());
        out.flush();
    }

    public int type() {
        return first >> 4;
    }

    public int flags() {
        return first & 0xF;
    }

    public byte[] body() {
        return body.clone();
    }

    private int u16(int at) {
        return (body[at] & 0xFF) << 8 | body[at + 1] & 0xFF;
    }

    /** Returns the packet identifier; a PUBLISH has one only above QoS 0. */
    public int id() {
        return u16(type() == PUBLISH ? 2 + u16(0) : 0);
    }

    /** Returns the quality of service of a PUBLISH. */
    public int qos() {
        return flags() >> 1 & 3;
    }

    /** Returns the protocol's name and level in a CONNECT: {@code MQTT 4}. */
    public String protocol() {
        int length = u16(0);
        return new String(body, 2, length, StandardCharsets.UTF_8) + " " + body[2 + length];
    }

    /** Returns the flags of a CONNECT. */
    public int connectFlags() {
        return body[3 + u16(0)] & 0xFF;
    }

    /** Returns the properties of an MQTT 5 CONNECT, PUBLISH or SUBSCRIBE; see {@link PacketProperties#read}. */
    public Map<Integer, List<Object>> properties5() {
        int start = propertiesAt();
        try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(body, start, body.length - start))) {
            return PacketProperties.read(in.readNBytes(length(in)));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private int propertiesAt() {
        switch (type()) {
            case CONNECT: // the name, the level, the flags and the keep-alive come before
                return 2 + u16(0) + 4;
            case PUBLISH:
                return 2 + u16(0) + (qos() > 0 ? 2 : 0);
            case SUBSCRIBE:
                return 2;
            default:
                throw new IllegalStateException("packet type " + type());
        }
    }

    /** Returns the number of filters of a SUBSCRIBE. */
    int filters() {
        return filters(2);
    }

    int filters5() {
        int length = body[propertiesAt()]; // the tests use lengths of one byte
        return filters(propertiesAt() + 1 + length);
    }

    private int filters(int start) {
        int count = 0;
        for (int at = start; at < body.length; count++) {
            at += 3 + u16(at);
        }
        return count;
    }
}
