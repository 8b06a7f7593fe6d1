package jp.ad.sinet.stream.utils;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.SecureRandom;
import java.security.cert.Certificate;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.engine.boundary.PemFiles;
import jp.ad.sinet.stream.engine.boundary.PrivateCopy;

/**
 * Makes key stores from PEM files, for plugins whose messaging system accepts only key stores. MQTT clients do not need them,
 * because they read PEM files directly. Thread-safe.
 */
public class KeyStoreUtil {
    private static final String TYPE = "PKCS12";
    private static final int PASSWORD_BYTES = 24;

    private KeyStoreUtil() {
    }

    /**
     * Makes a trust store of {@code ca_certs}, and a key store of {@code certfile} and {@code keyfile};
     * {@code keyfilePassword} is the password of an encrypted key file. Each store gets its own random password. The stores
     * are files in a new directory that only the user can enter, and are deleted when the JVM exits. Other parameters are
     * ignored.
     *
     * @param parameters the map {@code tls} of a configuration
     * @return {@code trustStore}, {@code trustStoreType} and {@code trustStorePassword}, {@code keyStore},
     *        {@code keyStoreType} and {@code keyStorePassword}, as far as the files are given; the map can be modified
     * @throws InvalidConfigurationException if a parameter is wrong
     * @throws SinetStreamIOException if a file cannot be read, or a store cannot be written
     */
    public static Map<String, String> setupKeyStore(Map<String, String> parameters) {
        PemFiles pem = new PemFiles(Objects.requireNonNull(parameters, "parameters"));
        Map<String, String> stores = new LinkedHashMap<>();
        if (!pem.trusted().isEmpty()) {
            make("trustStore", stores, (store, password) -> {
                int number = 0;
                for (Certificate each : pem.trusted()) {
                    store.setCertificateEntry("ca-" + ++number, each);
                }
            });
        }
        if (pem.key() != null) {
            List<Certificate> chain = pem.chain();
            make("keyStore", stores, (store, password) ->
                    store.setKeyEntry("client", pem.key(), password, chain.toArray(new Certificate[0])));
        }
        return stores;
    }

    private interface Filling {
        void fill(KeyStore store, char[] password) throws GeneralSecurityException;
    }

    private static void make(String name, Map<String, String> to, Filling filling) {
        byte[] random = new byte[PASSWORD_BYTES];
        new SecureRandom().nextBytes(random);
        String password = Base64.getUrlEncoder().encodeToString(random);
        char[] characters = password.toCharArray();
        try {
            KeyStore store = KeyStore.getInstance(TYPE);
            store.load(null, null);
            filling.fill(store, characters);
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            store.store(bytes, characters);
            PrivateCopy copy = new PrivateCopy(new ByteArrayInputStream(bytes.toByteArray()),
                    Path.of(System.getProperty("java.io.tmpdir")), name + ".p12");
            copy.keepUntilExit();
            to.put(name, copy.file().toAbsolutePath().toString());
            to.put(name + "Type", TYPE);
            to.put(name + "Password", password);
        } catch (IOException | GeneralSecurityException e) {
            throw new SinetStreamIOException("the " + name + " can't be made: " + e.getMessage(), e);
        } finally {
            Arrays.fill(characters, '\0');
        }
    }
}
