package jp.ad.sinet.stream.engine.boundary;

import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.Callable;

import jp.ad.sinet.stream.api.Login;
import jp.ad.sinet.stream.api.SinetStreamException;

/**
 * What the engine asks Java for before an attempt to connect: the program's login, and what a key store holds whose file has
 * changed.
 */
public final class Questions {
    private static final long LOGIN = Long.MIN_VALUE;
    private static final long STORES = Long.MIN_VALUE + 1;

    private final long handle;
    /** Null when the configuration has the login. */
    private final Callable<Login> program;

    Questions(long handle, Callable<Login> program) {
        this.handle = handle;
        this.program = program;
    }

    /** Whether a change that {@link Native#changes} tells of is a question. */
    public static boolean isOne(long what) {
        return what == LOGIN || what == STORES;
    }

    /** Answers, which may block. Does not throw what the program throws. */
    public void answer(long what) {
        try {
            byte[] answer = what == LOGIN ? LoginSource.ask(program) : stores();
            try {
                Native.answer(handle, what, answer);
            } finally {
                Arrays.fill(answer, (byte) 0);
            }
        } catch (SinetStreamException e) {
            // the client is closed by now
        }
    }

    /** The engine has kept the password of the store until now, and Java has it only for the time of opening the store. */
    private byte[] stores() {
        byte[] wanted = Native.question(handle, STORES);
        try {
            return KeyMaterial.open((Map<?, ?>) Tree.decode(wanted), null);
        } catch (Throwable e) {
            return problem(e);
        } finally {
            Arrays.fill(wanted, (byte) 0);
        }
    }

    static byte[] problem(Throwable e) {
        return problem(e.getMessage() == null ? e.getClass().getName() : e.getMessage());
    }

    static byte[] problem(String what) {
        return Tree.encode(Map.of("problem", what));
    }
}
