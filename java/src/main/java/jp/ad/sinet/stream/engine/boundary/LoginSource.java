package jp.ad.sinet.stream.engine.boundary;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;

import jp.ad.sinet.stream.api.Login;

/** The program's function that gives a client its login. */
final class LoginSource {
    private LoginSource() {
    }

    /** Asks the program, which may block: a tree with what it says. Does not throw what the program throws. */
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
