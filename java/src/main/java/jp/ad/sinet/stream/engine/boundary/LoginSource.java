package jp.ad.sinet.stream.engine.boundary;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;

import jp.ad.sinet.stream.api.Login;

/** The program's function that returns the login of a client. */
final class LoginSource {
    private LoginSource() {
    }

    /**
     * Calls the program's function, which may block, and returns a tree with the login or the problem. Does not throw the
     * function's exceptions.
     */
    static byte[] ask(Callable<Login> program) {
        Map<String, Object> answer = new LinkedHashMap<>();
        try {
            Login login = program.call();
            if (login == null) {
                return Questions.problem("it is null");
            }
            answer.put("username", login.getUsername());
            answer.put("password", login.getPassword());
            return Tree.encode(answer);
        } catch (Throwable e) {
            return Questions.problem(e);
        } finally {
            Object password = answer.get("password");
            if (password != null) {
                Arrays.fill((byte[]) password, (byte) 0);
            }
        }
    }
}
