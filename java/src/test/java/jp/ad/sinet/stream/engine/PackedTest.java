package jp.ad.sinet.stream.engine;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;

import org.junit.jupiter.api.Test;

import jp.ad.sinet.stream.api.InvalidMessageException;
import jp.ad.sinet.stream.api.SinetStreamException;

class PackedTest {
    private static ByteBuffer message(ByteBuffer to, long seq, String topic, String payload) {
        to.put((byte) 0).putLong(seq).putLong(-5).put((byte) 1).put((byte) 3);
        return block(block(to, topic), payload);
    }

    private static ByteBuffer block(ByteBuffer to, String content) {
        byte[] bytes = content.getBytes(StandardCharsets.UTF_8);
        return to.putInt(bytes.length).put(bytes);
    }

    private static byte[] content(ByteBuffer buffer) {
        return Arrays.copyOf(buffer.array(), buffer.position());
    }

    @Test
    void walksThroughMessagesAndFailures() {
        ByteBuffer records = message(ByteBuffer.allocate(1000), 7, "a/b", "one");
        block(block(records.put((byte) 1).putLong(8), "c").putInt(10), "damaged");
        message(message(records, 9, "a/b", ""), 10, "a/b", "x");
        Packed packed = new Packed();
        packed.load(content(records));

        assertTrue(packed.next());
        assertEquals(7, packed.seq());
        assertEquals(-5, packed.timestampMicros());
        assertEquals("a/b", packed.topic());
        assertEquals(Map.of("qos", 1, "retain", true, "duplicate", true), packed.raw());
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
    void shortenedRecordsAreRefusedOnce() {
        byte[] record = content(message(ByteBuffer.allocate(100), 1, "t", "payload"));
        for (int length = 1; length < record.length; length++) {
            Packed packed = new Packed();
            packed.load(Arrays.copyOf(record, length));
            assertThrows(SinetStreamException.class, packed::next);
            assertFalse(packed.next());
        }
    }
}
