package jp.ad.sinet.stream.engine.boundary;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.List;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

import jp.ad.sinet.stream.api.SinetStreamException;

/** The result of a native that could not even throw does not count as success. */
class ReturnedTest {
    private static void refused(Executable look) {
        SinetStreamException e = assertThrows(SinetStreamException.class, look);
        assertTrue(e.getMessage().startsWith("internal error: "), e.getMessage());
    }

    @Test
    void whatAFailureLeavesIsRefused() {
        refused(() -> Returned.number(0));
        refused(() -> Returned.done(0));
        refused(() -> Returned.array(null));
    }

    @Test
    void resultsPass() {
        assertEquals(Native.CONFIRMED, Returned.number(Native.CONFIRMED));
        assertEquals(1, Returned.number(1));
        assertTrue(Returned.done(1));
        assertFalse(Returned.done(2));
        byte[] empty = {};
        assertSame(empty, Returned.array(empty));
    }

    @Test
    void whatIsNeitherDoneNorNotIsRefused() {
        refused(() -> Returned.done(3));
        refused(() -> Returned.done(-1));
    }

    /** Natives with a result are called through methods that check it; the loader checks the version. */
    @Test
    void noNativeIsBelievedUnseen() {
        List<String> visible = new ArrayList<>();
        for (Method each : Native.class.getDeclaredMethods()) {
            int modifiers = each.getModifiers();
            if (Modifier.isNative(modifiers) && each.getReturnType() != void.class && !Modifier.isPrivate(modifiers)) {
                visible.add(each.getName());
            }
        }
        assertEquals(List.of("version"), visible);
    }
}
