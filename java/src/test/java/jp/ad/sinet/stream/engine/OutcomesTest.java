package jp.ad.sinet.stream.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;

import jp.ad.sinet.stream.api.AuthenticationException;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;

class OutcomesTest {
    private final Outcomes outcomes = new Outcomes();
    private final List<SinetStreamException> ends = new ArrayList<>();

    @Test
    void whatIsLeftWhenTheClientHasEndedByItselfHasItsCause() {
        outcomes.put(7, ends::add);
        SinetStreamException cause = new AuthenticationException("refused");
        outcomes.ended(cause);
        outcomes.over();
        assertSame(cause, ends.get(0));
        assertEquals(1, ends.size());
        assertEquals(0, outcomes.size());
    }

    @Test
    void whatIsLeftWithoutACauseMayHaveBeenDelivered() {
        outcomes.put(7, ends::add);
        outcomes.over();
        assertInstanceOf(SinetStreamIOException.class, ends.get(0));
        assertEquals(1, ends.size());
    }

    @Test
    void everyMessageHasItsOwnEndWhileTheRingGrows() {
        for (int number = 0; number < 1000; number++) {
            outcomes.put(number, ends::add);
        }
        SinetStreamException failure = new SinetStreamIOException("not this one");
        outcomes.failed(500, failure);
        assertEquals(List.of(failure), ends);
        outcomes.delivered(0, 500);
        outcomes.delivered(501, 1000);
        assertEquals(1000, ends.size());
        assertEquals(1, ends.stream().filter(end -> end != null).count());
        assertEquals(0, outcomes.size());
    }
}
