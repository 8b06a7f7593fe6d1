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
 * The certificates and the key in PEM files, as the classes of the JDK take them. The engine reads the files, and does so by
 * the same rules as for a broker of MQTT: the JDK knows few of the forms that keys are written in.
 */
public final class PemFiles {
    /** What of a map {@code tls} is about PEM files. */
    private static final List<String> NAMES = List.of("ca_certs", "ca_certs_data", "certfile", "certfile_data", "keyfile",
            "keyfile_data", "keyfilePassword", "keyfile_password");
    private static final Map<String, String> SIGNATURES = Map.of("RSA", "SHA256withRSA", "EC", "SHA256withECDSA", "DSA",
            "SHA256withDSA", "EdDSA", "EdDSA");

    private final List<Certificate> trusted;
    private final List<Certificate> chain;
    private final PrivateKey key;

    /**
     * Reads what a map names.
     *
     * @param tls the map {@code tls} of a configuration
     * @throws InvalidConfigurationException if a parameter is wrong
     */
    public PemFiles(Map<String, ?> tls) {
        Map<String, Object> named = new LinkedHashMap<>();
        NAMES.stream().filter(name -> tls.get(name) != null).forEach(name -> named.put(name, tls.get(name)));
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
        return "parameter 'tls.certfile': " + tls.get("certfile"); // the key stands beside the certificate
    }

    /** What the JDK says of a key that it does not take might show parts of it. */
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

    /** A trial signature shows it for keys of every kind. */
    private static boolean belongs(PrivateKey key, Certificate certificate) throws GeneralSecurityException {
        String algorithm = SIGNATURES.get(key.getAlgorithm());
        if (algorithm == null) {
            return true; // another kind, of which the peer will judge
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
     * The certificates of {@code ca_certs}.
     *
     * @return a list, empty if there is no such file
     */
    public List<Certificate> trusted() {
        return trusted;
    }

    /**
     * The client's certificate, and those after it in its file.
     *
     * @return a list, empty if there is no such file
     */
    public List<Certificate> chain() {
        return chain;
    }

    /**
     * The key of the first one.
     *
     * @return the key, or null
     */
    public PrivateKey key() {
        return key;
    }
}
