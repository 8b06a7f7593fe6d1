package jp.ad.sinet.stream.testing;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/** An MQTT 3.1.1 control packet, for brokers and peers that a test plays itself. */
public final class Packet {
    public static final int CONNECT = 1;
    public static final int CONNACK = 2;
    public static final int PUBLISH = 3;
    public static final int PUBACK = 4;
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

    /** A publish at QoS 1. */
    public static Packet publish(String topic, int id, byte[] payload) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        string(out, topic);
        out.write(id >> 8);
        out.write(id);
        out.writeBytes(payload);
        return new Packet(PUBLISH, 2, out.toByteArray());
    }

    /** A publish at QoS 0. */
    public static Packet publish(String topic, byte[] payload) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        string(out, topic);
        out.writeBytes(payload);
        return new Packet(PUBLISH, 0, out.toByteArray());
    }

    private static void string(ByteArrayOutputStream out, String string) {
        byte[] bytes = string.getBytes(StandardCharsets.UTF_8);
        out.write(bytes.length >> 8);
        out.write(bytes.length);
        out.writeBytes(bytes);
    }

    /** The next packet of a stream. */
    static Packet read(DataInputStream in) throws IOException {
        int first = in.readUnsignedByte();
        int length = 0;
        for (int shift = 0;; shift += 7) {
            int next = in.readUnsignedByte();
            length |= (next & LOW) << shift;
            if ((next & MORE) == 0) {
                break;
            }
        }
        byte[] body = in.readNBytes(length);
        if (body.length < length) {
            throw new EOFException();
        }
        return new Packet(first >> 4, first & 0xF, body);
    }

    void write(OutputStream out) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        bytes.write(first);
        int length = body.length;
        while (length > LOW) {
            bytes.write(length & LOW | MORE);
            length >>= 7;
        }
        bytes.write(length);
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

    /** The packet identifier at the start of a SUBSCRIBE. */
    int id() {
        return (body[0] & 0xFF) << 8 | body[1] & 0xFF;
    }

    /** The number of filters of a SUBSCRIBE. */
    int filters() {
        int count = 0;
        for (int at = 2; at < body.length; count++) {
            at += 3 + ((body[at] & 0xFF) << 8 | body[at + 1] & 0xFF);
        }
        return count;
    }
}
