package jp.ad.sinet.stream.testing;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;

/** A certificate authority and a server certificate for localhost and 127.0.0.1, made once per JVM by keytool. */
public final class Certificates {
    public static final String STORE_PASSWORD = "changeit";

    private static Certificates made;

    public final Path ca;
    public final Path server;
    public final Path serverKey;
    /** A PKCS12 store that trusts the authority. */
    public final Path trustStore;

    private final Path store;

    private Certificates(Path directory) throws IOException, GeneralSecurityException {
        ca = directory.resolve("ca.pem");
        server = directory.resolve("server.pem");
        serverKey = directory.resolve("server.key");
        trustStore = directory.resolve("trust.p12");
        store = directory.resolve("keys.p12");
        Path request = directory.resolve("server.csr");
        keytool("-genkeypair", "-alias", "ca", "-dname", "CN=Test CA", "-keyalg", "RSA", "-keysize", "2048",
                "-ext", "bc:critical=ca:true", "-startdate", "-1d", "-validity", "3");
        keytool("-genkeypair", "-alias", "server", "-dname", "CN=broker", "-keyalg", "RSA", "-keysize", "2048");
        keytool("-certreq", "-alias", "server", "-file", request.toString());
        keytool("-gencert", "-alias", "ca", "-infile", request.toString(), "-outfile", server.toString(), "-rfc",
                "-ext", "san=dns:localhost,ip:127.0.0.1", "-startdate", "-1d", "-validity", "3");
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(store)) {
            keys.load(in, STORE_PASSWORD.toCharArray());
        }
        pem(ca, "CERTIFICATE", keys.getCertificate("ca").getEncoded());
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
            try {
                made = new Certificates(Processes.temporaryDirectory());
            } catch (IOException | GeneralSecurityException e) {
                throw new AssertionError("no certificates", e);
            }
        }
        return made;
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
