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
 * What the JVM forbids in the certificates of a chain ({@code jdk.certpath.disabledAlgorithms}) or in TLS as a whole
 * ({@code jdk.tls.disabledAlgorithms}) and the engine, which reads no such lists, accepts. With the lists of the JDKs that is
 * nothing: the engine is stricter. Who has made them longer is told what of them does not count.
 */
final class DisabledAlgorithms {
    static final String OF_CERTIFICATES = "jdk.certpath.disabledAlgorithms";
    static final String OF_TLS = "jdk.tls.disabledAlgorithms";
    /**
     * All that certificates and connections may consist of here, under Java's names in small letters; see the table of
     * docs/tls.md.
     */
    private static final Set<String> ACCEPTED = Set.of("rsa", "rsassa-pss", "ec", "ecdsa", "eddsa", "ed25519", "sha256", "sha-256",
            "sha384", "sha-384", "sha512", "sha-512", "secp256r1", "secp384r1", "x25519", "tlsv1.2", "tlsv1.3", "ecdhe", "aes",
            "aes_128_gcm", "aes_256_gcm", "chacha20_poly1305", "tls_aes_128_gcm_sha256", "tls_aes_256_gcm_sha384",
            "tls_chacha20_poly1305_sha256", "tls_ecdhe_ecdsa_with_aes_128_gcm_sha256", "tls_ecdhe_ecdsa_with_aes_256_gcm_sha384",
            "tls_ecdhe_ecdsa_with_chacha20_poly1305_sha256", "tls_ecdhe_rsa_with_aes_128_gcm_sha256",
            "tls_ecdhe_rsa_with_aes_256_gcm_sha384", "tls_ecdhe_rsa_with_chacha20_poly1305_sha256");
    /** The parts of a name such as SHA256withRSA. */
    private static final Pattern WITH = Pattern.compile("with|and|/");
    private static final Pattern SIZE = Pattern.compile("keysize (<=?) ([0-9]{1,9})");
    private static final int LEAST_RSA_BITS = 2048;
    private static final int LEAST_EC_BITS = 256;

    private DisabledAlgorithms() {
    }

    /** Warns of what the JVM forbids and this library does not. */
    static void warn() {
        for (String list : List.of(OF_CERTIFICATES, OF_TLS)) {
            List<String> unheeded = unheeded(list, Security::getProperty);
            if (!unheeded.isEmpty()) {
                Log.LOGGER.warning("TLS: the JVM forbids " + String.join(", ", unheeded) + " (" + list + "), which this"
                        + " library does not look at and accepts; what it refuses itself is in docs/tls.md");
            }
        }
    }

    /** The entries of a list, as they stand there, that forbid something which is accepted here. */
    static List<String> unheeded(String list, UnaryOperator<String> securityProperties) {
        List<String> unheeded = new ArrayList<>();
        for (String entry : entries(securityProperties.apply(list))) {
            // A list of its own, which Java takes in once and not again from there.
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

    /** An algorithm, and conditions, all of which must hold: {@code RSA keySize < 1024 & usage TLSServer}. */
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

    /** Whether no certificate that is accepted here fulfils a condition. */
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
