package jp.ad.sinet.stream.utils;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;

import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.NoServiceException;
import jp.ad.sinet.stream.api.Serializer;
import jp.ad.sinet.stream.api.valuetype.StringSerializer;

/** The output of {@code java -jar}, and the helpers for plugins. */
class UsageTest {
    @Test
    void theCheatSheetHasEveryMethodAndParameter() throws Exception {
        PrintStream before = System.out;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        System.setOut(new PrintStream(printed, true, "UTF-8"));
        try {
            Usage.main(new String[0]);
        } finally {
            System.setOut(before);
        }
        List<String> lines = Arrays.asList(printed.toString("UTF-8").split("\\R"));
        for (String line : new String[] {"    .configFile(Path)", "    .receiveTimeout(Duration)", "    brokers",
            "    tls.ca_certs", "    crypto.key_derivation.iteration", "    .build()"}) {
            assertTrue(lines.contains(line), () -> line + " in " + lines);
        }
        assertTrue(lines.stream().anyMatch(line -> line.startsWith("    thread_pool_num    (no effect: ")), lines::toString);
    }

    @Test
    void valuesOfParameters() {
        assertEquals(true, MessageUtils.toBoolean(" Yes"));
        assertEquals(false, MessageUtils.toBoolean(false));
        assertNull(MessageUtils.toBoolean(null));
        assertEquals(5, MessageUtils.toInteger(" 5 "));
        assertEquals(5L, MessageUtils.toLong(5.0));
        assertEquals(List.of("a", "1"), MessageUtils.toStringList(List.of("a", 1)));
        assertEquals(List.of("a"), MessageUtils.toStringList("a"));
        assertEquals("x", MessageUtils.or(null, "x"));
        assertEquals(StringSerializer.class,
                MessageUtils.toClassObject(Serializer.class, StringSerializer.class.getName()).getClass());
        assertEquals(1, MessageUtils.getServiceParam(Map.of("s", 1), null));
        assertThrows(NoServiceException.class, () -> MessageUtils.getServiceParam(Map.of("s", 1), "t"));
        for (Object wrong : List.of("s3cr3t", 2.5, List.of())) {
            String message = assertThrows(InvalidConfigurationException.class, () -> MessageUtils.toLong(wrong)).getMessage();
            assertTrue(!message.contains("s3cr3t"), message);
            assertThrows(InvalidConfigurationException.class, () -> MessageUtils.toBoolean(wrong));
        }
        assertThrows(InvalidConfigurationException.class, () -> MessageUtils.toInteger(1L << 40));
        assertThrows(InvalidConfigurationException.class, () -> MessageUtils.toClassObject(Serializer.class, "no.such"));
        CtxSerializer<String, Integer> both = text -> Pair.of(text.getBytes(StandardCharsets.UTF_8), text.length());
        assertEquals(2, CtxSerializer.getSerializer(both).serialize("ab").length);
    }
}
