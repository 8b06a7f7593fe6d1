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

/** What a native returns that could not even throw passes for no result. */
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

    /** Those with a result are behind methods that look at it; the version is looked at by the loader. */
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
