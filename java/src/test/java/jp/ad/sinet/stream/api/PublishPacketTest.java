package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;

class PublishPacketTest {
    private static final Map<String, Object> PROPERTIES = Map.of("payload_format_indicator", 1,
            "message_expiry_interval", 60, "content_type", "text/plain", "response_topic", "answers",
            "correlation_data", new byte[] {'s', 'e', 'c'}, "user_properties", List.of(List.of("name", "s3cr3t")),
            "subscription_identifiers", List.of(7));

    private static PublishPacket packet(Map<String, ?> properties) {
        return new PublishPacket("a/b", 2, true, false, properties);
    }

    @Test
    void withoutProperties() {
        PublishPacket packet = new PublishPacket("a/b", 2, true, false);
        assertEquals("a/b", packet.getTopic());
        assertEquals(2, packet.getQos());
        assertTrue(packet.isRetained());
        assertFalse(packet.isDuplicate());
        assertNull(packet.getPayloadFormatIndicator());
        assertNull(packet.getMessageExpiryInterval());
        assertNull(packet.getContentType());
        assertNull(packet.getResponseTopic());
        assertNull(packet.getCorrelationData());
        assertEquals(List.of(), packet.getUserProperties());
        assertEquals(List.of(), packet.getSubscriptionIdentifiers());
        assertEquals(packet(Map.of()), packet);
    }

    @Test
    void nothingChangesIt() {
        byte[] data = {1, 2};
        List<Object> pairs = new ArrayList<>(List.of(List.of("a", "1")));
        Map<String, Object> given = new HashMap<>(Map.of("correlation_data", data, "user_properties", pairs));
        PublishPacket packet = packet(given);
        data[0] = 9;
        pairs.clear();
        given.clear();
        packet.getCorrelationData()[1] = 9;
        assertArrayEquals(new byte[] {1, 2}, packet.getCorrelationData());
        assertEquals(List.of(Map.entry("a", "1")), packet.getUserProperties());
        assertThrows(UnsupportedOperationException.class, () -> packet.getUserProperties().clear());
        PublishPacket full = packet(PROPERTIES);
        assertThrows(UnsupportedOperationException.class, () -> full.getSubscriptionIdentifiers().clear());
    }

    @Test
    void equalWhenAllPartsAre() {
        PublishPacket packet = packet(PROPERTIES);
        Map<String, Object> same = new HashMap<>(PROPERTIES);
        same.put("correlation_data", new byte[] {'s', 'e', 'c'});
        same.put("message_expiry_interval", 60L);
        assertEquals(packet, packet(same));
        assertEquals(packet.hashCode(), packet(same).hashCode());
        Map<String, Object> others = Map.of("payload_format_indicator", 0, "message_expiry_interval", 61,
                "content_type", "", "response_topic", "", "correlation_data", new byte[0], "user_properties",
                List.of(List.of("s3cr3t", "name")), "subscription_identifiers", List.of(8));
        others.forEach((name, value) -> {
            Map<String, Object> other = new HashMap<>(PROPERTIES);
            other.put(name, value);
            assertNotEquals(packet, packet(other), name);
            other.remove(name);
            assertNotEquals(packet, packet(other), name);
        });
        for (PublishPacket other : List.of(new PublishPacket("a", 2, true, false, PROPERTIES),
                new PublishPacket("a/b", 1, true, false, PROPERTIES),
                new PublishPacket("a/b", 2, false, false, PROPERTIES),
                new PublishPacket("a/b", 2, true, true, PROPERTIES))) {
            assertNotEquals(packet, other);
        }
        assertNotEquals(packet, null);
    }

    @Test
    void printsNoValuesOfProperties() {
        String text = packet(PROPERTIES).toString();
        assertTrue(text.contains("topic=a/b, qos=2, retained=true, duplicate=false"), text);
        PROPERTIES.keySet().forEach(name -> assertTrue(text.contains(name), text));
        // 115 is the first byte of the correlation data
        for (String value : List.of("s3cr3t", "text/plain", "answers", "60", "115")) {
            assertFalse(text.contains(value), text);
        }
    }

    @Test
    void wrongPartsAreRefused() {
        assertThrows(NullPointerException.class, () -> new PublishPacket(null, 0, false, false));
        assertThrows(IllegalArgumentException.class, () -> new PublishPacket("t", 3, false, false));
        assertThrows(IllegalArgumentException.class, () -> new PublishPacket("t", -1, false, false));
        assertThrows(IllegalArgumentException.class, () -> packet(Map.of("content type", "x")));
        IllegalArgumentException e = assertThrows(IllegalArgumentException.class,
                () -> packet(Map.of("correlation_data", "s3cr3t")));
        assertTrue(e.getMessage().contains("correlation_data") && !e.getMessage().contains("s3cr3t"), e.getMessage());
    }
}
