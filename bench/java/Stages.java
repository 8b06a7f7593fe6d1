import java.io.ByteArrayOutputStream;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;

import javax.crypto.Cipher;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.SecretKeySpec;

import com.github.luben.zstd.Zstd;
import com.sun.management.OperatingSystemMXBean;

import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/**
 * What encryption and compression cost a writer: done by the engine, and done in Java before the same writer gets the
 * bytes. Arguments: HOST:PORT, seconds of each measurement, rounds.
 */
final class Stages {
    private static final String PASSWORD = "a pass phrase of the benchmark";
    private static final int ITERATIONS = 10_000;
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final OperatingSystemMXBean SYSTEM =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private Stages() {
    }

    /** A writer's parameters, and what the program does with each value before. */
    private static final class Way {
        final Map<String, Object> parameters;
        final UnaryOperator<byte[]> before;
        final List<Double> rates = new ArrayList<>();
        final List<Double> costs = new ArrayList<>();

        Way(Map<String, Object> parameters, UnaryOperator<byte[]> before) {
            this.parameters = parameters;
            this.before = before;
        }
    }

    public static void main(String[] arguments) {
        String broker = arguments[0];
        double seconds = Double.parseDouble(arguments[1]);
        int rounds = Integer.parseInt(arguments[2]);
        Map<String, Object> gcm = Map.of("data_encryption", true, "crypto",
                Map.of("algorithm", "AES", "key_length", 256, "mode", "GCM", "password", PASSWORD));
        Map<String, Object> zstd = Map.of("data_compression", true, "compression", Map.of("algorithm", "zstd", "level", 3));
        byte[] salt = random(8);
        SecretKeySpec key = key(salt);
        System.out.println("| stage, bytes | engine, messages/s | Java, messages/s | ratio | engine, CPU µs | Java, CPU µs | ratio |");
        System.out.println("|---|--:|--:|--:|--:|--:|--:|");
        for (int size : new int[] {100, 1024, 65_536}) {
            Map<String, Way[]> stages = new LinkedHashMap<>();
            stages.put("none", new Way[] {new Way(Map.of(), value -> value),
                new Way(Map.of("user_data_only", true), Stages::message)});
            stages.put("AES-256-GCM", new Way[] {new Way(gcm, value -> value),
                new Way(Map.of("user_data_only", true), value -> encrypted(value, salt, key))});
            if (size == 100) {
                stages.put("AES-256-GCM, key derived anew in Java", new Way[] {new Way(gcm, value -> value),
                    new Way(Map.of("user_data_only", true), value -> encrypted(value, salt, key(salt)))});
            }
            stages.put("zstd", new Way[] {new Way(zstd, value -> value), new Way(Map.of(), value -> Zstd.compress(value, 3))});
            byte[] value = value(size);
            stages.forEach((name, ways) -> {
                for (int round = -1; round < rounds; round++) { // one to warm up
                    for (Way way : ways) {
                        measure(broker, way, value, seconds, round >= 0);
                    }
                }
                double[] rate = {median(ways[0].rates), median(ways[1].rates)};
                double[] cost = {median(ways[0].costs), median(ways[1].costs)};
                System.out.printf("| %s, %,d | %,.0f | %,.0f | %.2f | %.2f | %.2f | %.2f |%n", name, size, rate[0], rate[1],
                        rate[0] / rate[1], cost[0], cost[1], cost[1] / cost[0]);
            });
        }
    }

    private static void measure(String broker, Way way, byte[] value, double seconds, boolean counts) {
        try (MessageWriter<byte[]> writer = MessageWriterFactory.<byte[]>builder().noConfig(true).type("mqtt")
                .topic("bench").consistency(Consistency.AT_MOST_ONCE).parameters(way.parameters)
                .parameter("brokers", broker).build().getWriter()) {
            long cpu = SYSTEM.getProcessCpuTime();
            long start = System.nanoTime();
            long messages = 0;
            do {
                for (int i = 0; i < 20; i++) {
                    writer.write(way.before.apply(value));
                    messages++;
                }
            } while (System.nanoTime() - start < seconds * 1e9);
            writer.flush();
            if (counts) {
                way.rates.add(messages / ((System.nanoTime() - start) / 1e9));
                way.costs.add((SYSTEM.getProcessCpuTime() - cpu) / 1e3 / messages);
            }
        }
    }

    private static double median(List<Double> values) {
        Collections.sort(values);
        return values.get(values.size() / 2);
    }

    /** Numbers as text, which is about as regular as measured values are. */
    private static byte[] value(int size) {
        ByteBuffer value = ByteBuffer.allocate(size);
        for (int n = 0; value.hasRemaining(); n++) {
            byte[] number = ((n * 0x9E3779B1 >>> 16) + ";").getBytes(StandardCharsets.US_ASCII);
            value.put(number, 0, Math.min(number.length, value.remaining()));
        }
        return value.array();
    }

    private static byte[] random(int length) {
        byte[] bytes = new byte[length];
        RANDOM.nextBytes(bytes);
        return bytes;
    }

    private static SecretKeySpec key(byte[] salt) {
        try {
            PBEKeySpec spec = new PBEKeySpec(PASSWORD.toCharArray(), salt, ITERATIONS, 256);
            return new SecretKeySpec(SecretKeyFactory.getInstance("PBKDF2WithHmacSHA256").generateSecret(spec).getEncoded(),
                    "AES");
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void number(ByteArrayOutputStream out, long number) {
        long zigzag = number << 1 ^ number >> 63;
        for (; (zigzag & ~0x7FL) != 0; zigzag >>>= 7) {
            out.write((int) (zigzag & 0x7F | 0x80));
        }
        out.write((int) zigzag);
    }

    /** Format 3's header, with the version of the key. */
    private static ByteArrayOutputStream header(int size, int version) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(size + 80);
        out.writeBytes(new byte[] {(byte) 0xDF, 3, 0, 0, 0, (byte) version});
        return out;
    }

    private static void record(ByteArrayOutputStream out, byte[] value) {
        out.writeBytes(new byte[] {(byte) 0xC3, 1, 0x1F, (byte) 0x9C, 0xC, (byte) 0x91, (byte) 0xEB, 0x33, 0x66, 0x4F});
        number(out, System.currentTimeMillis() * 1000);
        number(out, value.length);
        out.writeBytes(value);
    }

    private static byte[] message(byte[] value) {
        ByteArrayOutputStream out = header(value.length, 0);
        record(out, value);
        return out.toByteArray();
    }

    private static byte[] encrypted(byte[] value, byte[] salt, SecretKeySpec key) {
        ByteArrayOutputStream plain = new ByteArrayOutputStream(value.length + 40);
        record(plain, value);
        byte[] iv = random(16);
        ByteArrayOutputStream out = header(value.length, 1);
        out.writeBytes(salt);
        out.writeBytes(iv);
        try {
            Cipher cipher = Cipher.getInstance("AES/GCM/NoPadding");
            cipher.init(Cipher.ENCRYPT_MODE, key, new GCMParameterSpec(128, iv));
            cipher.updateAAD(salt);
            cipher.updateAAD(iv);
            out.writeBytes(cipher.doFinal(plain.toByteArray()));
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
        return out.toByteArray();
    }
}
