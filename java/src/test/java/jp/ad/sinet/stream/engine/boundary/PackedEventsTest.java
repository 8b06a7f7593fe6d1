package jp.ad.sinet.stream.engine.boundary;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.ConnectException;
import java.time.Duration;
import java.util.Arrays;

import org.junit.jupiter.api.Test;

import jp.ad.sinet.stream.api.AuthenticationException;
import jp.ad.sinet.stream.api.ConnectionEvent;
import jp.ad.sinet.stream.api.ConnectionException;
import jp.ad.sinet.stream.api.SinetStreamException;

class PackedEventsTest {
    @Test
    void walksThroughAllKinds() {
        PackedEvents events = new PackedEvents(new EventBytes().connected("ブローカー:1883", true).lost(7, "cut")
                .retrying("b:1", 1500, "lost").retrying("", 0, "refused").ended(8, "refused").closed().pack());

        ConnectionEvent event = events.next();
        assertEquals(ConnectionEvent.Type.CONNECTED, event.getType());
        assertEquals("ブローカー:1883", event.getBroker());
        assertTrue(event.isSessionPresent());
        assertEquals(Duration.ZERO, event.getDelay());
        assertNull(event.getCause());

        event = events.next();
        assertEquals(ConnectionEvent.Type.LOST, event.getType());
        assertEquals(ConnectionException.class, event.getCause().getClass());
        assertEquals("cut", event.getCause().getMessage());
        assertNull(event.getBroker());
        assertFalse(event.isSessionPresent());

        event = events.next();
        assertEquals(ConnectionEvent.Type.RETRYING, event.getType());
        assertEquals("b:1", event.getBroker());
        assertEquals(Duration.ofMillis(1500), event.getDelay());
        assertEquals("lost", event.getCause().getMessage());
        Throwable behind = event.getCause().getCause();
        assertEquals(ConnectionException.class, behind.getClass());
        assertEquals(ConnectException.class, behind.getCause().getClass());
        assertNull(events.next().getBroker());

        event = events.next();
        assertEquals(ConnectionEvent.Type.ENDED, event.getType());
        assertEquals(AuthenticationException.class, event.getCause().getClass());

        event = events.next();
        assertEquals(ConnectionEvent.Type.CLOSED, event.getType());
        assertEquals("ConnectionEvent(type=CLOSED)", event.toString());
        assertFalse(events.hasNext());
    }

    @Test
    void shortenedOrUnknownEventsAreRefused() {
        byte[] packed = new EventBytes().lost(7, "cut").pack();
        for (int length = 1; length < packed.length; length++) {
            PackedEvents events = new PackedEvents(Arrays.copyOf(packed, length));
            assertTrue(events.hasNext());
            assertThrows(SinetStreamException.class, events::next);
        }
        assertThrows(SinetStreamException.class, new PackedEvents(new EventBytes().event(10, 0, 0, "").noError().pack())::next);
    }
}
