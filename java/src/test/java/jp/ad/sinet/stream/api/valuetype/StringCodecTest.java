package jp.ad.sinet.stream.api.valuetype;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;

import org.junit.jupiter.api.Test;

import jp.ad.sinet.stream.api.InvalidMessageException;

class StringCodecTest {
    private static void assertRefused(StringSerializer serializer, String value, int index) {
        String message = assertThrows(InvalidMessageException.class, () -> serializer.serialize(value)).getMessage();
        assertTrue(message.contains("index " + index + " "), message);
    }

    @Test
    void stringsComeBack() {
        String text = "aé吉\uD842\uDFB7";
        assertArrayEquals(text.getBytes(StandardCharsets.UTF_8), new StringSerializer().serialize(text));
        for (Charset charset : new Charset[] {StandardCharsets.UTF_8, StandardCharsets.UTF_16}) {
            byte[] bytes = new StringSerializer(charset).serialize(text);
            assertEquals(text, new StringDeserializer(charset).deserialize(bytes));
        }
        assertEquals(0, new StringSerializer().serialize("").length);
    }

    @Test
    void whatCannotBeEncodedIsRefused() {
        assertRefused(new StringSerializer(), "ab\uD842", 2);
        assertRefused(new StringSerializer(), "\uDFB7ab", 0);
        assertRefused(new StringSerializer(StandardCharsets.ISO_8859_1), "abc吉", 3);
    }

    @Test
    void malformedBytesAreReplaced() {
        assertEquals("a\uFFFDb", new StringDeserializer().deserialize(new byte[] {'a', (byte) 0xFF, 'b'}));
    }

    @Test
    void equalWhenTheCharacterSetIs() {
        assertEquals(new StringSerializer(), new StringSerializer(StandardCharsets.UTF_8));
        assertNotEquals(new StringSerializer(), new StringSerializer(StandardCharsets.UTF_16));
        assertEquals(new ByteArraySerializer(), new ByteArraySerializer());
    }
}
