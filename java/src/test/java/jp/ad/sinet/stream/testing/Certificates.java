package jp.ad.sinet.stream.testing;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;

import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * A certificate authority, a server certificate for localhost and 127.0.0.1 and a client certificate, made once per JVM by
 * keytool.
 */
public final class Certificates {
    public static final String STORE_PASSWORD = "changeit";

    private static Certificates made;
    private static Certificates others;

    public final Path ca;
    public final Path server;
    public final Path serverKey;
    /** A PKCS12 store that trusts the authority. */
    public final Path trustStore;

    /** A client's certificate with its key in PKCS #8, in the form that Java writes. */
    public final Path client;
    public final Path clientKey;

    private final Path store;
    private final KeyStore keys;
    private final X509Certificate clientCertificate;

    private Certificates(Path directory) throws IOException, GeneralSecurityException {
        ca = directory.resolve("ca.pem");
        server = directory.resolve("server.pem");
        serverKey = directory.resolve("server.key");
        trustStore = directory.resolve("trust.p12");
        store = directory.resolve("keys.p12");
        client = directory.resolve("client.pem");
        clientKey = directory.resolve("client.key");
        Path request = directory.resolve("server.csr");
        keytool("-genkeypair", "-alias", "ca", "-dname", "CN=Test CA", "-keyalg", "RSA", "-keysize", "2048",
                "-ext", "bc:critical=ca:true", "-startdate", "-1d", "-validity", "3");
        keytool("-genkeypair", "-alias", "server", "-dname", "CN=broker", "-keyalg", "RSA", "-keysize", "2048");
        keytool("-certreq", "-alias", "server", "-file", request.toString());
        keytool("-gencert", "-alias", "ca", "-infile", request.toString(), "-outfile", server.toString(), "-rfc",
                "-ext", "san=dns:localhost,ip:127.0.0.1", "-startdate", "-1d", "-validity", "3");
        keytool("-genkeypair", "-alias", "client", "-dname", "CN=client-by-certificate", "-keyalg", "EC",
                "-keysize", "256");
        keytool("-certreq", "-alias", "client", "-file", request.toString());
        keytool("-gencert", "-alias", "ca", "-infile", request.toString(), "-outfile", client.toString(), "-rfc",
                "-startdate", "-1d", "-validity", "3");
        keys = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(store)) {
            keys.load(in, STORE_PASSWORD.toCharArray());
        }
        pem(ca, "CERTIFICATE", keys.getCertificate("ca").getEncoded());
        pem(clientKey, "PRIVATE KEY", keys.getKey("client", STORE_PASSWORD.toCharArray()).getEncoded());
        try (InputStream in = Files.newInputStream(client)) {
            clientCertificate = (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
        pem(serverKey, "PRIVATE KEY", keys.getKey("server", STORE_PASSWORD.toCharArray()).getEncoded());
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("ca", keys.getCertificate("ca"));
        try (var out = Files.newOutputStream(trustStore)) {
            trusted.store(out, STORE_PASSWORD.toCharArray());
        }
    }

    public static synchronized Certificates get() {
        if (made == null) {
            made = make();
        }
        return made;
    }

    /** Returns certificates of another authority, for tests that renew them. */
    public static synchronized Certificates others() {
        if (others == null) {
            others = make();
        }
        return others;
    }

    private static Certificates make() {
        try {
            return new Certificates(Processes.temporaryDirectory());
        } catch (IOException | GeneralSecurityException e) {
            throw new AssertionError("no certificates", e);
        }
    }

    /** Returns a store of the given type that trusts the authority. */
    public byte[] trustStore(String type, String password) throws IOException, GeneralSecurityException {
        KeyStore trusted = KeyStore.getInstance(type);
        trusted.load(null, null);
        trusted.setCertificateEntry("ca", keys.getCertificate("ca"));
        return bytes(trusted, password);
    }

    /** Returns a store that trusts the server's certificate, which is not an authority's. */
    public byte[] storeOfServer(String type, String password) throws IOException, GeneralSecurityException {
        KeyStore trusted = KeyStore.getInstance(type);
        trusted.load(null, null);
        try (InputStream in = Files.newInputStream(server)) {
            trusted.setCertificateEntry("server", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        return bytes(trusted, password);
    }

    /**
     * Returns a store in which the authority's certificate accompanies its key, and is also a trusted one if {@code trusted}.
     */
    public byte[] storeOfAuthoritysKey(String type, String password, boolean trusted)
            throws IOException, GeneralSecurityException {
        KeyStore store = KeyStore.getInstance(type);
        store.load(null, null);
        Certificate authority = keys.getCertificate("ca");
        store.setKeyEntry("own", keys.getKey("ca", STORE_PASSWORD.toCharArray()), password.toCharArray(),
                new Certificate[] {authority});
        if (trusted) {
            store.setCertificateEntry("ca", authority);
        }
        return bytes(store, password);
    }

    /** Returns a store of the given type with the client's key and chain under each of the aliases. */
    public byte[] keyStore(String type, String password, String... aliases)
            throws IOException, GeneralSecurityException {
        Certificate[] chain = {clientCertificate, keys.getCertificate("ca")};
        KeyStore own = KeyStore.getInstance(type);
        own.load(null, null);
        for (String alias : aliases) {
            own.setKeyEntry(alias, keys.getKey("client", STORE_PASSWORD.toCharArray()), password.toCharArray(), chain);
        }
        return bytes(own, password);
    }

    /** Returns a store with the client's key and the key of a stranger, whose alias comes first. */
    public byte[] storeOfTwoKeys(String type, String password) throws IOException, GeneralSecurityException {
        Certificate[] chain = {clientCertificate, keys.getCertificate("ca")};
        KeyStore own = KeyStore.getInstance(type);
        own.load(null, null);
        own.setKeyEntry("a-stranger", keys.getKey("server", STORE_PASSWORD.toCharArray()), password.toCharArray(),
                new Certificate[] {keys.getCertificate("server")});
        own.setKeyEntry("own", keys.getKey("client", STORE_PASSWORD.toCharArray()), password.toCharArray(), chain);
        return bytes(own, password);
    }

    /**
     * Returns the TLS context of a server that has the server's certificate and accepts clients that the authority has
     * signed.
     */
    public SSLContext serverThatKnowsTheAuthority() throws IOException, GeneralSecurityException {
        KeyStore own = KeyStore.getInstance("PKCS12");
        own.load(null, null);
        Certificate certificate;
        try (InputStream in = Files.newInputStream(server)) {
            certificate = CertificateFactory.getInstance("X.509").generateCertificate(in);
        }
        own.setKeyEntry("server", keys.getKey("server", STORE_PASSWORD.toCharArray()), new char[0],
                new Certificate[] {certificate});
        KeyStore trusted = KeyStore.getInstance("PKCS12");
        trusted.load(null, null);
        trusted.setCertificateEntry("ca", keys.getCertificate("ca"));
        KeyManagerFactory identities = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        identities.init(own, new char[0]);
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(identities.getKeyManagers(), trust.getTrustManagers(), null);
        return context;
    }

    private static byte[] bytes(KeyStore store, String password) throws IOException, GeneralSecurityException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        store.store(out, password.toCharArray());
        return out.toByteArray();
    }

    private void keytool(String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString()));
        command.addAll(Arrays.asList(arguments));
        command.addAll(List.of("-keystore", store.toString(), "-storetype", "PKCS12", "-storepass", STORE_PASSWORD));
        Processes.run(command);
    }

    private static void pem(Path file, String type, byte[] der) throws IOException {
        String text = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der);
        Files.writeString(file, "-----BEGIN " + type + "-----\n" + text + "\n-----END " + type + "-----\n");
    }
}
