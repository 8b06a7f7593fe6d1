package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Certificates;
import jp.ad.sinet.stream.testing.ChildJvm;
import jp.ad.sinet.stream.testing.Processes;

/** A client key in a SoftHSM token, in separate JVMs, because the module reads the environment once per process. */
@Timeout(60)
class Pkcs11Test {
    private static final String PIN = "Geheim-pin";
    private static final String WRONG = "Geheim-wrong";
    private static final String CONFIGURATION = "SOFTHSM2_CONF";

    @RegisterExtension
    static final Broker BROKER = new Broker(Broker.Listener.CERTIFICATE);

    @TempDir
    Path directory;

    private Path softHsm;
    private Path softHsmModule;
    private Path module;

    private static void run(Path softHsm, String... command) throws IOException {
        List<String> all = new ArrayList<>(List.of("env", CONFIGURATION + "=" + softHsm));
        all.addAll(Arrays.asList(command));
        Processes.run(all);
    }

    @BeforeEach
    void token() throws IOException {
        module = Stream.of("/usr/lib/softhsm", "/usr/lib64", "/usr/lib64/pkcs11", "/usr/lib", "/usr/local/lib/softhsm",
                "/opt/homebrew/lib/softhsm").map(folder -> Path.of(folder, "libsofthsm2.so")).filter(Files::exists).findFirst()
                .orElseThrow(() -> new AssertionError("there is no libsofthsm2.so; 'make deps' installs it"));
        softHsmModule = module;
        softHsm = directory.resolve("softhsm2.conf");
        Files.writeString(softHsm, "directories.tokendir = " + Files.createDirectory(directory.resolve("tokens")) + "\n");
        run(softHsm, "softhsm2-util", "--init-token", "--free", "--label", "test", "--pin", PIN, "--so-pin", "Geheim-so");
        run(softHsm, "softhsm2-util", "--import", Certificates.get().clientKey.toString(), "--token", "test", "--label", "client",
                "--id", "01", "--no-public-key", "--pin", PIN);
        Path der = directory.resolve("client.der");
        run(softHsm, "openssl", "x509", "-outform", "DER", "-in", Certificates.get().client.toString(), "-out", der.toString());
        run(softHsm, "pkcs11-tool", "--module", module.toString(), "--login", "--pin", PIN, "--token-label", "test",
                "--write-object", der.toString(), "--type", "cert", "--label", "client", "--id", "01");
    }

    private Path service(String pin) throws IOException {
        Path file = Files.createFile(directory.resolve("config.yml"),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        return Files.writeString(file, String.join("\n", "s:", "  type: mqtt", "  topic: t", "  brokers: " + BROKER.byCertificate(),
                "  tls:", "    ca_certs: " + Certificates.get().ca, "    pkcs11:", "      module: " + module,
                "      token: test", "      pin: " + pin, ""));
    }

    private ChildJvm.Result child(String... scenario) throws IOException {
        ChildJvm.Result result = new ChildJvm().environment(CONFIGURATION, softHsm.toString())
                .environment("TEST_TOKEN_FOLDER", directory.toString()).environment("TEST_TOKEN_MODULE", softHsmModule.toString())
                .run(scenario);
        assertTrue(result.ended && result.exitCode == 0, result::toString);
        assertFalse(result.toString().contains("Geheim"), () -> "a PIN is shown: " + result);
        return result;
    }

    @Test
    void aKeyInTheTokenIsTheLogin() throws IOException {
        assertEquals(String.join(System.lineSeparator(), "hello", "main returns"), child("service", service(PIN).toString()).out);
        assertTrue(BROKER.log().contains("u'client-by-certificate'"), "the certificate is the login");
    }

    /** The JVM's own provider has initialized the module and logged in to the token. */
    @Test
    void theJvmMayUseTheModuleToo() throws IOException {
        Path provider = Files.writeString(directory.resolve("provider.cfg"),
                "name = Test\nlibrary = " + module + "\nslotListIndex = 0\n");
        Path pin = Files.writeString(directory.resolve("pin"), PIN);
        assertEquals(String.join(System.lineSeparator(), "[client]", "hello", "[client]", "main returns"),
                child("service", service(PIN).toString(), provider.toString(), pin.toString()).out);
    }

    @Test
    void aWrongPinIsAnErrorOfTheConfiguration() throws IOException {
        String told = child("service", service(WRONG).toString()).out;
        for (String word : List.of("InvalidConfigurationException: ", "config.yml:10", "'tls.pkcs11.pin'", "refuses the PIN")) {
            assertTrue(told.contains(word), told);
        }
    }

    /** The login of the module does not return ({@code tests/data/unwilling.c}). */
    @Test
    void openingAClientWhoseTokenHangsIsInterrupted() throws IOException {
        module = directory.resolve("unwilling.so");
        Processes.run(List.of("cc", "-shared", "-fPIC", "-o", module.toString(), "tests/data/unwilling.c", "-ldl"));
        Files.setPosixFilePermissions(module, PosixFilePermissions.fromString("rwx------"));
        Files.createFile(directory.resolve("hang-C_Login"));
        String told = child("interrupted-opening", service(PIN).toString()).out;
        assertTrue(told.contains("interrupted"), told);
    }
}
