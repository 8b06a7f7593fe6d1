package jp.ad.sinet.stream.engine.boundary;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;

import jp.ad.sinet.stream.api.InvalidMessageException;
import jp.ad.sinet.stream.api.PublishPacket;
import jp.ad.sinet.stream.api.SinetStreamException;

class PackedTest {
    private static final int RETAIN_AND_DUPLICATE = 3;
    private static final int PROPERTIES = 4;

    private static ByteBuffer message(ByteBuffer to, long seq, String topic, String payload) {
        return message(to, seq, RETAIN_AND_DUPLICATE, topic, payload);
    }

    private static ByteBuffer message(ByteBuffer to, long seq, int flags, String topic, String payload) {
        to.put((byte) 0).putLong(seq).putLong(-5).put((byte) 1).put((byte) flags);
        return block(block(to, topic), payload);
    }

    private static byte[] withProperties(Object properties) {
        byte[] tree = Tree.encode(properties);
        ByteBuffer record = message(ByteBuffer.allocate(1000), 1, PROPERTIES, "t", "payload");
        return content(record.putInt(tree.length).put(tree));
    }

    private static ByteBuffer block(ByteBuffer to, String content) {
        byte[] bytes = content.getBytes(StandardCharsets.UTF_8);
        return to.putInt(bytes.length).put(bytes);
    }

    private static byte[] content(ByteBuffer buffer) {
        return Arrays.copyOf(buffer.array(), buffer.position());
    }

    /** Loads records with their length in front, and with the remains of earlier records behind them. */
    private static void load(Packed packed, byte[] records) {
        int size = Integer.BYTES + records.length + 3;
        packed.load(ByteBuffer.allocate(size).putInt(records.length).put(records).put((byte) 9).array());
    }

    @Test
    void walksThroughMessagesAndFailures() {
        ByteBuffer records = message(ByteBuffer.allocate(1000), 7, "a/b", "one");
        block(block(records.put((byte) 1).putLong(8), "c").putInt(10), "damaged");
        message(message(records, 9, "a/b", ""), 10, "a/b", "x");
        Packed packed = new Packed();
        load(packed, content(records));

        assertTrue(packed.next());
        assertEquals(7, packed.seq());
        assertEquals(-5, packed.timestampMicros());
        assertEquals("a/b", packed.topic());
        assertEquals(new PublishPacket("a/b", 1, true, true), packed.raw());
        assertArrayEquals("one".getBytes(StandardCharsets.UTF_8), packed.payload());
        assertNull(packed.failure());

        assertTrue(packed.next());
        assertEquals(8, packed.seq());
        assertEquals(InvalidMessageException.class, packed.failure().getClass());
        assertEquals("damaged", packed.failure().getMessage());

        assertTrue(packed.next());
        String topic = packed.topic();
        assertEquals(0, packed.payload().length);
        assertTrue(packed.next());
        assertSame(topic, packed.topic());
        assertFalse(packed.next());
    }

    @Test
    void propertiesFollowThePayload() {
        Map<String, Object> properties = Map.of("payload_format_indicator", 1L, "message_expiry_interval", 0xFFFF_FFFFL,
                "content_type", "text/plain", "response_topic", "answers", "correlation_data", new byte[] {1, 2},
                "user_properties", List.of(List.of("b", "2"), List.of("a", "1"), List.of("b", "")),
                "subscription_identifiers", List.of(268_435_455L));
        byte[] record = withProperties(properties);
        Packed packed = new Packed();
        load(packed, content(message(ByteBuffer.allocate(1000).put(record), 2, 0, "t", "next")));
        assertTrue(packed.next());
        assertArrayEquals("payload".getBytes(StandardCharsets.UTF_8), packed.payload());
        PublishPacket packet = packed.raw();
        assertEquals(1, packet.getPayloadFormatIndicator());
        assertEquals(0xFFFF_FFFFL, packet.getMessageExpiryInterval());
        assertEquals("text/plain", packet.getContentType());
        assertEquals("answers", packet.getResponseTopic());
        assertArrayEquals(new byte[] {1, 2}, packet.getCorrelationData());
        assertEquals(List.of(Map.entry("b", "2"), Map.entry("a", "1"), Map.entry("b", "")),
                packet.getUserProperties());
        assertEquals(List.of(268_435_455), packet.getSubscriptionIdentifiers());
        assertTrue(packed.next());
        assertEquals(2, packed.seq());
        assertEquals(new PublishPacket("t", 1, false, false), packed.raw());
    }

    @Test
    void wrongPropertiesAreRefused() {
        for (Object wrong : Arrays.asList(null, "text", Map.of("unknown", 1L), Map.of("content_type", 1L),
                Collections.singletonMap("content_type", null), Map.of("payload_format_indicator", Long.MAX_VALUE),
                Map.of("user_properties", List.of(List.of("a"))), Map.of("user_properties", List.of("a")),
                Map.of("user_properties", List.of(Arrays.asList("a", null))),
                Map.of("user_properties", List.of(List.of("a", 1L))), Map.of("correlation_data", "x"),
                Map.of("subscription_identifiers", List.of("1")))) {
            Packed packed = new Packed();
            load(packed, withProperties(wrong));
            SinetStreamException e = assertThrows(SinetStreamException.class, packed::next, () -> "" + wrong);
            assertTrue(e.getMessage().contains("properties"), e.getMessage());
            assertFalse(packed.next());
        }
    }

    /** Most messages have the same data, which one object holds, so that reading them allocates none. */
    @Test
    void messagesWithoutPropertiesShareThePacket() {
        ByteBuffer records = ByteBuffer.allocate(1000);
        message(message(records, 1, 0, "a", "x"), 2, 0, "a", "y");
        message(message(records, 3, 1, "a", "x"), 4, 1, "b", "y");
        Packed packed = new Packed();
        load(packed, content(records));
        List<PublishPacket> packets = new ArrayList<>();
        while (packed.next()) {
            packets.add(packed.raw());
        }
        assertSame(packets.get(0), packets.get(1));
        assertEquals(List.of(new PublishPacket("a", 1, false, false), new PublishPacket("a", 1, false, false),
                new PublishPacket("a", 1, true, false), new PublishPacket("b", 1, true, false)), packets);
    }

    @Test
    void shortenedRecordsAreRefusedOnce() {
        byte[] plain = content(message(ByteBuffer.allocate(100), 1, "t", "payload"));
        for (byte[] record : List.of(plain, withProperties(Map.of("content_type", "x")))) {
            for (int length = 1; length < record.length; length++) {
                Packed packed = new Packed();
                load(packed, Arrays.copyOf(record, length));
                assertThrows(SinetStreamException.class, packed::next);
                assertFalse(packed.next());
            }
        }
    }

    @Test
    void unknownFlagsAreRefused() {
        Packed packed = new Packed();
        load(packed, content(message(ByteBuffer.allocate(100), 1, 2 * PROPERTIES, "t", "payload")));
        assertThrows(SinetStreamException.class, packed::next);
    }
}
