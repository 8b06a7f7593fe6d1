package jp.ad.sinet.stream.engine.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

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
        assertEquals(0, outcomes.untold());
    }

    @Test
    void whatIsLeftWithoutACauseMayHaveBeenDelivered() {
        outcomes.put(7, ends::add);
        outcomes.over();
        assertInstanceOf(SinetStreamIOException.class, ends.get(0));
        assertEquals(1, ends.size());
    }

    /** This holds wherever in the ring the first message is, and also when the ring has grown. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 5, 255, 256, 257, 600, 5000})
    void whatIsLeftEndsInTheOrderOfTheMessages(int waiting) {
        List<Integer> order = new ArrayList<>();
        List<Integer> left = new ArrayList<>();
        for (int number = 0; number < 1000 + waiting; number++) {
            int own = number;
            outcomes.put(number, end -> order.add(own));
            if (number >= waiting) {
                outcomes.delivered(number - waiting, number - waiting + 1);
            }
            if (number >= 1000) {
                left.add(number);
            }
        }
        order.clear();
        outcomes.over();
        assertEquals(left, order);
        assertEquals(0, outcomes.untold());
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
        assertEquals(0, outcomes.untold());
    }

    /** A plugin may never report the outcome of a message, while others continue as long as the program runs. */
    @Test
    void oneThatNeverEndsIsSetAside() {
        List<Long> left = new ArrayList<>();
        for (long number = 0; number < 3L * Outcomes.LARGEST_SIZE; number++) {
            long own = number;
            outcomes.put(number, end -> left.add(own));
            if (number > 1) {
                outcomes.end(number, null);
            }
        }
        assertEquals(Outcomes.LARGEST_SIZE, outcomes.ring.length);
        assertEquals(2, outcomes.untold());
        left.clear();
        outcomes.end(1, null);
        outcomes.end(1, null);
        outcomes.put(3L * Outcomes.LARGEST_SIZE, end -> left.add(2L));
        outcomes.over();
        assertEquals(List.of(1L, 0L, 2L), left);
        assertEquals(0, outcomes.untold());
    }

    /** A thread may wait for room as long as the write timeout. */
    @Test
    void theEndOfAllMakesRoomToo() {
        for (int number = 0; !outcomes.isFull(); number++) {
            outcomes.put(number, ends::add);
        }
        Waiter waiter = new Waiter();
        assertTrue(outcomes.isFull(waiter));
        outcomes.over();
        assertTrue(waiter.await(Waiter.deadline(0)), "woken");
    }

    @Test
    void anErrorOfACallbackTakesNoOtherCallbackAway() {
        WritePromise promise = new WritePromise();
        outcomes.put(0, promise);
        promise.fail(cause -> {
            throw new AssertionError("meant to be");
        }).fail(ends::add);
        outcomes.over();
        assertEquals(1, ends.size());
    }
}
