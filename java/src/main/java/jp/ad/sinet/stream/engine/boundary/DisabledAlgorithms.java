package jp.ad.sinet.stream.engine.boundary;

import java.security.Security;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import jp.ad.sinet.stream.engine.jvm.Log;

/**
 * Finds the algorithms that the JVM forbids in certificate chains ({@code jdk.certpath.disabledAlgorithms}) or in TLS as a
 * whole ({@code jdk.tls.disabledAlgorithms}), but that the engine, which does not read these lists, accepts. With the default
 * lists of the JDKs there are none, because the engine is stricter. An administrator who has extended the lists is warned of
 * the entries that have no effect.
 */
final class DisabledAlgorithms {
    static final String OF_CERTIFICATES = "jdk.certpath.disabledAlgorithms";
    static final String OF_TLS = "jdk.tls.disabledAlgorithms";
    /**
     * All algorithms that certificates and connections may use here, by Java's names in lower case; see the table of
     * docs/tls.md.
     */
    private static final Set<String> ACCEPTED = Set.of("rsa", "rsassa-pss", "ec", "ecdsa", "eddsa", "ed25519", "sha256", "sha-256",
            "sha384", "sha-384", "sha512", "sha-512", "secp256r1", "secp384r1", "x25519", "tlsv1.2", "tlsv1.3", "ecdhe", "aes",
            "aes_128_gcm", "aes_256_gcm", "chacha20_poly1305", "tls_aes_128_gcm_sha256", "tls_aes_256_gcm_sha384",
            "tls_chacha20_poly1305_sha256", "tls_ecdhe_ecdsa_with_aes_128_gcm_sha256", "tls_ecdhe_ecdsa_with_aes_256_gcm_sha384",
            "tls_ecdhe_ecdsa_with_chacha20_poly1305_sha256", "tls_ecdhe_rsa_with_aes_128_gcm_sha256",
            "tls_ecdhe_rsa_with_aes_256_gcm_sha384", "tls_ecdhe_rsa_with_chacha20_poly1305_sha256");
    /** The separators in a name such as SHA256withRSA. */
    private static final Pattern WITH = Pattern.compile("with|and|/");
    private static final Pattern SIZE = Pattern.compile("keysize (<=?) ([0-9]{1,9})");
    private static final int LEAST_RSA_BITS = 2048;
    private static final int LEAST_EC_BITS = 256;

    private DisabledAlgorithms() {
    }

    /** Warns of algorithms that the JVM forbids and this library accepts. */
    static void warn() {
        for (String list : List.of(OF_CERTIFICATES, OF_TLS)) {
            List<String> unheeded = unheeded(list, Security::getProperty);
            if (!unheeded.isEmpty()) {
                Log.LOGGER.warning("TLS: the JVM forbids " + String.join(", ", unheeded) + " (" + list + "), which this"
                        + " library does not look at and accepts; what it refuses itself is in docs/tls.md");
            }
        }
    }

    /** Returns the entries of a list that forbid an algorithm that is accepted here, as they are written there. */
    static List<String> unheeded(String list, UnaryOperator<String> securityProperties) {
        List<String> unheeded = new ArrayList<>();
        for (String entry : entries(securityProperties.apply(list))) {
            // An included list, whose own includes Java does not follow.
            List<String> meant = entry.startsWith("include ")
                    ? entries(securityProperties.apply(entry.substring("include ".length()).trim())) : List.of(entry);
            meant.stream().filter(each -> !isRefusedHere(each.toLowerCase(Locale.ROOT))).forEach(unheeded::add);
        }
        return unheeded;
    }

    private static List<String> entries(String list) {
        List<String> entries = new ArrayList<>();
        for (String entry : (list == null ? "" : list.replace("\"", "")).split(",")) {
            if (!entry.isBlank()) {
                entries.add(entry.trim().replaceAll("\\s+", " "));
            }
        }
        return entries;
    }

    /**
     * Tells whether the engine refuses everything that an entry forbids. An entry is an algorithm and conditions, all of
     * which must hold: {@code RSA keySize < 1024 & usage TLSServer}.
     */
    private static boolean isRefusedHere(String entry) {
        String[] conditions = entry.split(" ?& ?");
        String[] first = conditions[0].split(" ", 2);
        String algorithm = first[0];
        if (!ACCEPTED.contains(algorithm) && !Arrays.stream(WITH.split(algorithm)).allMatch(ACCEPTED::contains)) {
            return true;
        }
        conditions[0] = first.length > 1 ? first[1] : "";
        return Arrays.stream(conditions).anyMatch(condition -> isNeverMetHere(algorithm, condition.trim()));
    }

    /** Tells whether no certificate that is accepted here meets a condition. */
    private static boolean isNeverMetHere(String algorithm, String condition) {
        Matcher size = SIZE.matcher(condition);
        if (size.matches()) {
            int least = algorithm.startsWith("rsa") ? LEAST_RSA_BITS : LEAST_EC_BITS;
            int forbidden = Integer.parseInt(size.group(2)) - (size.group(1).equals("<") ? 1 : 0);
            return forbidden < least;
        }
        return condition.startsWith("usage ") && !(condition + " ").contains(" tlsserver ");
    }
}
