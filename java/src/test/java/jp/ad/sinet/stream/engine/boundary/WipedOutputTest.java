package jp.ad.sinet.stream.engine.boundary;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;

import org.junit.jupiter.api.Test;

class WipedOutputTest {
    private static final byte[] SECRET = "a password".getBytes(StandardCharsets.UTF_8);

    @Test
    void nothingIsLeftInTheArraysThatWereGivenUp() {
        ByteArrayOutputStream expected = new ByteArrayOutputStream();
        WipedOutput out = new WipedOutput();
        for (int i = 0; i < 1000; i++) {
            byte[] before = out.array();
            out.writeBytes(SECRET);
            out.write(i);
            expected.writeBytes(SECRET);
            expected.write(i);
            if (out.array() != before) {
                assertArrayEquals(new byte[before.length], before);
            }
        }
        assertArrayEquals(expected.toByteArray(), out.toByteArray());
        byte[] last = out.array();
        out.close();
        assertArrayEquals(new byte[last.length], last);
    }

    @Test
    void thePasswordOfAKeyStoreIsTakenOutOfTheDescription() {
        byte[] password = SECRET.clone();
        Map<String, Object> description = new HashMap<>();
        description.put("password", password);
        new StoreFile(description).close();
        assertArrayEquals(new byte[password.length], password);
    }
}
