package jp.ad.sinet.stream.engine.boundary;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;

import jp.ad.sinet.stream.api.Login;
import jp.ad.sinet.stream.api.SinetStreamException;

/** The program's function that gives a client its login, which the engine asks for before each attempt to connect. */
public final class LoginSource {
    private final long handle;
    private final Callable<Login> program;

    LoginSource(long handle, Callable<Login> program) {
        this.handle = handle;
        this.program = program;
    }

    /** Asks the program, which may block, and gives the engine what it says. Does not throw what the program throws. */
    public void give() {
        Map<String, Object> answer = new LinkedHashMap<>();
        try {
            Login login = program.call();
            if (login == null) {
                answer.put("problem", "it is null");
            } else {
                answer.put("username", login.getUsername());
                answer.put("password", login.getPassword());
            }
        } catch (Throwable e) {
            answer.clear();
            answer.put("problem", e.getMessage() == null ? e.getClass().getName() : e.getMessage());
        }
        byte[] encoded = Tree.encode(answer);
        try {
            Native.login(handle, encoded);
        } catch (SinetStreamException e) {
            // the client is closed by now
        } finally {
            Arrays.fill(encoded, (byte) 0);
            Object password = answer.get("password");
            if (password != null) {
                Arrays.fill((byte[]) password, (byte) 0);
            }
        }
    }
}
