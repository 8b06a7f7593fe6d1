package jp.ad.sinet.stream.engine.boundary;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyStore;
import java.security.KeyStoreException;
import java.security.PrivateKey;
import java.security.UnrecoverableKeyException;
import java.security.cert.Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;

/** A key store of the configuration: a file, or its content. Errors name it, never its password. */
final class StoreFile implements AutoCloseable {
    private static final long MAX_BYTES = 16L << 20;
    private static final int ASCII_END = 128;

    private final String place;
    /** The path as the engine passes it. */
    private final Object path;
    private final byte[] data;
    private final String type;
    private final char[] password;
    private final String passwordPlace;
    /** The alias of the key to use; null for any. */
    private final String alias;
    private final String aliasPlace;

    /** Certificates in DER: all that are trusted, and those of them that belong to no authority, whatever they contain. */
    static final class Trusted {
        final List<byte[]> anchors;
        final List<byte[]> alone;

        private Trusted(List<byte[]> anchors, List<byte[]> alone) {
            this.anchors = anchors;
            this.alone = alone;
        }
    }

    StoreFile(Map<?, ?> description) {
        place = (String) description.get("place");
        path = description.get("path");
        data = (byte[]) description.get("data");
        type = (String) description.get("type");
        byte[] secret = (byte[]) description.get("password");
        password = secret == null ? null : characters(secret);
        passwordPlace = (String) description.get("password_place");
        alias = (String) description.get("alias");
        aliasPlace = (String) description.get("alias_place");
    }

    /** Converts the password to the form that key stores need, without making another copy of it. */
    private static char[] characters(byte[] secret) {
        CharBuffer decoded = StandardCharsets.UTF_8.decode(ByteBuffer.wrap(secret));
        char[] characters = new char[decoded.remaining()];
        decoded.get(characters);
        Arrays.fill(decoded.array(), '\0');
        Arrays.fill(secret, (byte) 0);
        return characters;
    }

    /** Wipes the password. */
    @Override
    public void close() {
        if (password != null) {
            Arrays.fill(password, '\0');
        }
    }

    /** Returns the trusted certificates, in DER. */
    Trusted trusted() {
        List<byte[]> anchors;
        List<byte[]> alone;
        try {
            KeyStore store = load();
            anchors = TrustAnchors.of(store);
            alone = besideKeys(store);
        } catch (GeneralSecurityException e) {
            throw problem("its certificates cannot be read: " + e.getMessage(), e);
        }
        if (anchors.isEmpty()) {
            throw nothing("it holds no trusted certificate", "trustStorePassword",
                    " (as 'keytool -importcert' makes it)");
        }
        return new Trusted(anchors, alone);
    }

    /** Returns the certificates that accompany their private keys and are not also stored as trusted ones. */
    private static List<byte[]> besideKeys(KeyStore store) throws GeneralSecurityException {
        Set<Certificate> keyed = new HashSet<>();
        Set<Certificate> trusted = new HashSet<>();
        for (String alias : Collections.list(store.aliases())) {
            Certificate certificate = store.getCertificate(alias);
            if (certificate != null) {
                (store.isKeyEntry(alias) ? keyed : trusted).add(certificate);
            }
        }
        keyed.removeAll(trusted);
        List<byte[]> alone = new ArrayList<>();
        for (Certificate certificate : keyed) {
            alone.add(certificate.getEncoded());
        }
        return alone;
    }

    /**
     * Returns the private keys in the order of their aliases: maps with {@code alias}, the certificates of a {@code chain},
     * the client's own first, and {@code key} in PKCS #8, which the caller wipes. The engine selects one of them for the
     * broker.
     */
    List<Map<String, Object>> identities() {
        KeyStore store = load();
        List<Map<String, Object>> identities = new ArrayList<>();
        try {
            List<String> aliases = keyed(store);
            UnrecoverableKeyException closed = null;
            for (String each : aliases) {
                try {
                    identities.add(identity(store, each));
                } catch (UnrecoverableKeyException e) {
                    // A store may contain keys with other passwords for other programs.
                    closed = e;
                }
            }
            if (identities.isEmpty()) {
                throw wrongPassword("does not open the private key in", closed);
            }
            return identities;
        } catch (GeneralSecurityException e) {
            throw problem("its key cannot be read: " + e.getMessage(), e);
        }
    }

    /** Returns the aliases of the eligible keys, at least one. */
    private List<String> keyed(KeyStore store) throws GeneralSecurityException {
        List<String> aliases = new ArrayList<>();
        for (String each : Collections.list(store.aliases())) {
            // Without its password a store may list a key and hide the certificates.
            if (store.isKeyEntry(each) && store.getCertificateChain(each) != null) {
                aliases.add(each);
            }
        }
        Collections.sort(aliases);
        if (aliases.isEmpty()) {
            throw nothing("it holds no private key with a certificate", "keyStorePassword", "");
        }
        if (alias == null) {
            return aliases;
        }
        for (String each : aliases) {
            // The key stores of the JDK ignore the case of aliases.
            if (each.equalsIgnoreCase(alias)) {
                return Collections.singletonList(each);
            }
        }
        throw new InvalidConfigurationException(aliasPlace + ": the store "
                + (path == null ? "" : HostPath.shown(path) + " ") + "has no private key under '" + alias
                + "'; it has " + aliases);
    }

    private Map<String, Object> identity(KeyStore store, String name) throws GeneralSecurityException {
        Key key = store.getKey(name, password == null ? new char[0] : password);
        if (!(key instanceof PrivateKey) || !"PKCS#8".equals(key.getFormat()) || key.getEncoded() == null) {
            throw problem("its key '" + name + "' cannot be taken out of it", null);
        }
        List<byte[]> chain = new ArrayList<>();
        for (Certificate certificate : store.getCertificateChain(name)) {
            chain.add(certificate.getEncoded());
        }
        Map<String, Object> identity = new LinkedHashMap<>();
        identity.put("alias", name);
        identity.put("chain", chain);
        identity.put("key", key.getEncoded());
        return identity;
    }

    private KeyStore load() {
        KeyStore store;
        try {
            store = KeyStore.getInstance(type == null ? KeyStore.getDefaultType() : type);
        } catch (KeyStoreException e) {
            throw new InvalidConfigurationException(where() + ": a key store of type '" + type
                    + "' is not known; expected PKCS12 or JKS", e);
        }
        byte[] bytes = bytes();
        try {
            store.load(new ByteArrayInputStream(bytes), password);
            return store;
        } catch (IOException e) {
            if (e.getCause() instanceof UnrecoverableKeyException) {
                throw wrongPassword("does not open", e);
            }
            throw problem(isPem(bytes) ? "it is PEM and no key store; give PEM with 'certfile' or 'ca_certs'"
                    : "it is not a key store of type " + store.getType() + ", or it is damaged", e);
        } catch (GeneralSecurityException e) {
            throw problem("it cannot be opened: " + e.getMessage(), e);
        }
    }

    private byte[] bytes() {
        if (data != null) {
            return data;
        }
        try {
            Path file = HostPath.toPath(path);
            if (Files.exists(file) && !Files.isRegularFile(file)) {
                throw problem("the file cannot be read: it is not a regular file", null); // reading it might never end
            }
            if (Files.size(file) > MAX_BYTES) {
                throw problem("it is larger than " + MAX_BYTES + " bytes", null);
            }
            return Files.readAllBytes(file);
        } catch (NoSuchFileException e) {
            throw problem("the file does not exist", e);
        } catch (IOException | IllegalArgumentException e) {
            throw problem("the file cannot be read: " + e.getMessage(), e);
        }
    }

    private static boolean isPem(byte[] bytes) {
        return new String(bytes, StandardCharsets.ISO_8859_1).contains("-----BEGIN");
    }

    /** Returns the error for a missing entry, whose cause may be a missing password. */
    private SinetStreamException nothing(String what, String passwordName, String hint) {
        return password != null ? problem(what + hint, null)
                : new InvalidConfigurationException(where() + ": " + what + "; is '" + passwordName + "' missing?");
    }

    private String where() {
        return place + (path == null ? "" : ": " + HostPath.shown(path));
    }

    private SinetStreamException wrongPassword(String what, Exception cause) {
        if (passwordPlace == null) {
            return new InvalidConfigurationException(where() + ": its password is missing", cause);
        }
        boolean ascii = new String(password).chars().allMatch(c -> c < ASCII_END);
        return new InvalidConfigurationException(passwordPlace + ": the password " + what + " "
                + (path == null ? "the store" : HostPath.shown(path))
                + (ascii ? "" : " (Java takes ASCII only for the passwords of most stores)"), cause);
    }

    /** Returns an error that names the file, or the configuration if that has the content. */
    private SinetStreamException problem(String what, Exception cause) {
        String message = where() + ": " + what;
        return data == null ? new SinetStreamIOException(message, cause)
                : new InvalidConfigurationException(message, cause);
    }
}
