package jp.ad.sinet.stream.engine.boundary;

import java.io.ByteArrayInputStream;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.SignatureException;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.engine.jvm.Log;

/**
 * Reads the certificates and the key in PEM files as classes of the JDK. The engine reads the files by the same rules as for
 * an MQTT broker, because the JDK knows few of the forms that keys have.
 */
public final class PemFiles {
    /** The parameters of a map {@code tls} that concern PEM files. */
    private static final List<String> NAMES = List.of("ca_certs", "ca_certs_data", "certfile", "certfile_data", "keyfile",
            "keyfile_data", "keyfilePassword", "keyfile_password");
    private static final Map<String, String> SIGNATURES = Map.of("RSA", "SHA256withRSA", "EC", "SHA256withECDSA", "DSA",
            "SHA256withDSA", "EdDSA", "EdDSA");

    private final List<Certificate> trusted;
    private final List<Certificate> chain;
    private final PrivateKey key;

    /**
     * Reads the files that a map names.
     *
     * @param tls the map {@code tls} of a configuration
     * @throws InvalidConfigurationException if a parameter is wrong
     */
    public PemFiles(Map<String, ?> tls) {
        Map<String, Object> named = new LinkedHashMap<>();
        NAMES.stream().filter(name -> tls.get(name) != null).forEach(name -> named.put(name, tls.get(name)));
        if (named.isEmpty()) {
            // The engine would warn that an empty map 'tls' switches TLS off, which is the plugin's decision here.
            trusted = List.of();
            chain = List.of();
            key = null;
            return;
        }
        Map<String, Object> wanted = new LinkedHashMap<>(
                new Parameters(new LinkedHashMap<>()).map("", Map.of("tls", named)));
        wanted.put("user_dir", HostPath.of(System.getProperty("user.dir", "")));
        Native.ensureLoaded();
        byte[] asked = Tree.encode(wanted);
        byte[] answer = null;
        byte[] pkcs8 = null;
        try {
            answer = Native.pemInDer(asked);
            Map<?, ?> found = (Map<?, ?>) Tree.decode(answer);
            ((List<?>) found.get("warnings")).forEach(warning -> Log.LOGGER.warning((String) warning));
            pkcs8 = (byte[]) found.get("key");
            trusted = certificates("ca_certs", (List<?>) found.get("trusted"));
            chain = certificates("certfile", (List<?>) found.get("chain"));
            key = pkcs8 == null ? null : key(pkcs8, chain.get(0), placeOfKey(tls));
        } finally {
            for (byte[] secret : new byte[][] {asked, answer, pkcs8}) {
                if (secret != null) {
                    Arrays.fill(secret, (byte) 0);
                }
            }
        }
    }

    private static List<Certificate> certificates(String name, List<?> encoded) {
        List<Certificate> certificates = new ArrayList<>();
        try {
            CertificateFactory factory = CertificateFactory.getInstance("X.509");
            for (Object each : encoded == null ? List.of() : encoded) {
                certificates.add(factory.generateCertificate(new ByteArrayInputStream((byte[]) each)));
            }
        } catch (GeneralSecurityException e) {
            throw new InvalidConfigurationException("parameter 'tls." + name + "': a certificate can't be used: " + e.getMessage(),
                    e);
        }
        return certificates;
    }

    private static String placeOfKey(Map<String, ?> tls) {
        for (String name : List.of("keyfile_data", "keyfile", "certfile_data")) {
            if (tls.get(name) != null) {
                return "parameter 'tls." + name + "'" + (name.equals("keyfile") ? ": " + tls.get(name) : "");
            }
        }
        return "parameter 'tls.certfile': " + tls.get("certfile"); // the key is in the same file as the certificate
    }

    /**
     * Converts a key. The exception of the JDK for a key that it rejects is not passed on, because it might show parts of the
     * key.
     */
    private static PrivateKey key(byte[] pkcs8, Certificate certificate, String place) {
        String algorithm = certificate.getPublicKey().getAlgorithm();
        try {
            PrivateKey key = KeyFactory.getInstance(algorithm).generatePrivate(new PKCS8EncodedKeySpec(pkcs8));
            if (belongs(key, certificate)) {
                return key;
            }
        } catch (GeneralSecurityException e) {
            throw new InvalidConfigurationException(place + ": the private key can't be used for the certificate of 'certfile',"
                    + " whose key is of the kind " + algorithm);
        }
        throw new InvalidConfigurationException(place + ": the private key does not belong to the certificate of 'certfile'");
    }

    /** Tells whether key and certificate match, by a trial signature, which works for keys of every kind. */
    private static boolean belongs(PrivateKey key, Certificate certificate) throws GeneralSecurityException {
        String algorithm = SIGNATURES.get(key.getAlgorithm());
        if (algorithm == null) {
            return true; // a key of another kind, which the peer will check
        }
        Signature signature = Signature.getInstance(algorithm);
        signature.initSign(key);
        byte[] signed = signature.sign();
        signature.initVerify(certificate);
        try {
            return signature.verify(signed);
        } catch (SignatureException e) {
            return false;
        }
    }

    /**
     * Returns the certificates of {@code ca_certs}.
     *
     * @return a list, empty if there is no such file
     */
    public List<Certificate> trusted() {
        return trusted;
    }

    /**
     * Returns the client's certificate, and those after it in its file.
     *
     * @return a list, empty if there is no such file
     */
    public List<Certificate> chain() {
        return chain;
    }

    /**
     * Returns the key of the client's certificate.
     *
     * @return the key, or null
     */
    public PrivateKey key() {
        return key;
    }
}
