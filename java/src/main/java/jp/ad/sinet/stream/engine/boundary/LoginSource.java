package jp.ad.sinet.stream.engine.boundary;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;

import jp.ad.sinet.stream.api.Login;
import jp.ad.sinet.stream.api.SinetStreamException;

/** The program's function that returns the login of a client. The engine requests it before each attempt to connect. */
public final class LoginSource {
    private final long handle;
    private final Callable<Login> program;

    LoginSource(long handle, Callable<Login> program) {
        this.handle = handle;
        this.program = program;
    }

    /**
     * Calls the program's function, which may block, and passes the result to the engine. Does not throw the function's
     * exceptions.
     */
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
            // The client was closed meanwhile.
        } finally {
            Arrays.fill(encoded, (byte) 0);
            Object password = answer.get("password");
            if (password != null) {
                Arrays.fill((byte[]) password, (byte) 0);
            }
        }
    }
}
