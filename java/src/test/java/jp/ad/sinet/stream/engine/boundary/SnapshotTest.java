package jp.ad.sinet.stream.engine.boundary;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;

import jp.ad.sinet.stream.api.Histogram;
import jp.ad.sinet.stream.api.Metrics;

class SnapshotTest {
    private static final Map<String, Object> CONNECTION = Map.of("connected", true, "reconnects", 2L, "resent", 3L,
            "outbox_messages", 4L, "outbox_bytes", 5L, "outbox_age_ms", 6L, "outbox_dropped", 7L, "in_flight", 8L,
            "inbox_messages", 9L, "inbox_bytes", 10L);

    private final Snapshot snapshot = new Snapshot(new long[] {10, 20, 1, 2, 3, 4, -1, 6, 7, 30, 25, 8, 1, Histogram.UNBOUNDED, 2},
            new long[] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});

    @Test
    void informationIsFoundByName() {
        assertEquals(CONNECTION, snapshot.info("connection"));
        assertEquals(Map.of("connection", CONNECTION), snapshot.info(null));
        assertEquals(Map.of("connection", CONNECTION), snapshot.info(""));
        CONNECTION.forEach((name, value) -> assertEquals(value, snapshot.info("connection." + name)));
        for (String unknown : List.of("connect", "connection.", "connection.x", "connected", "connection.resent.x")) {
            assertNull(snapshot.info(unknown));
        }
        Map<?, ?> connection = (Map<?, ?>) snapshot.info("connection");
        assertThrows(UnsupportedOperationException.class, connection::clear);
    }

    @Test
    void onlyTheConnectionEndsWithTheClient() {
        Map<String, Object> expected = new HashMap<>(CONNECTION);
        expected.put("connected", false);
        assertEquals(expected, snapshot.disconnected().info("connection"));
        assertEquals(expected, snapshot.disconnected().metrics().getRaw());
        assertEquals(1, snapshot.disconnected().metrics().getMsgCountTotal());
    }

    @Test
    void metricsHaveTheConnectionAsRaw() {
        Metrics metrics = snapshot.metrics();
        assertEquals(10, metrics.getTimeMillis());
        assertEquals(-1, metrics.getMsgSizeMin());
        assertEquals(7, metrics.getErrorCountTotal());
        assertEquals(CONNECTION, metrics.getRaw());
        assertEquals(new Histogram(new long[] {8, Histogram.UNBOUNDED}, new long[] {1, 2}, 30, 25), metrics.getWriteTimes());
    }
}
