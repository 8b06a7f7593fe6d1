package jp.ad.sinet.stream.utils;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.ToolProvider;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import jp.ad.sinet.stream.testing.Processes;

/** Does what {@code docs/password.md} says, in an empty folder. */
@Timeout(120)
class GuideTest {
    private static final Pattern BLOCK = Pattern.compile("(?m)^```(sh|file|output)(?: (\\S+))?\\n(.*?)^```$", Pattern.DOTALL);

    @TempDir
    Path folder;

    @Test
    void theGuideIsTrue() throws Exception {
        assumeTrue(ToolProvider.getSystemJavaCompiler() != null, "this Java has no compiler");
        String port;
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = Integer.toString(free.getLocalPort());
        }
        String text = Files.readString(Path.of("docs/password.md")).replace("8884", port);
        String said = "";
        int outputs = 0;
        List<String> kinds = new ArrayList<>();
        try {
            for (Matcher block = BLOCK.matcher(text); block.find();) {
                kinds.add(block.group(1));
                switch (block.group(1)) {
                    case "file":
                        write(block.group(2), block.group(3));
                        break;
                    case "sh":
                        said = run(block.group(3));
                        break;
                    default:
                        for (String line : block.group(3).split("\n")) {
                            String found = said;
                            assertTrue(said.contains(line), () -> line + " is not in: " + found);
                            outputs++;
                        }
                        break;
                }
            }
        } finally {
            run("kill $(cat mosquitto.pid) 2>/dev/null || true");
        }
        assertEquals(3, outputs);
        String signed = run("openssl req -newkey rsa:2048 -nodes -subj /CN=greedy -addext subjectAltName=DNS:greedy"
                + " -addext basicConstraints=critical,CA:TRUE -addext keyUsage=keyCertSign,cRLSign"
                + " -addext extendedKeyUsage=clientAuth -keyout greedy.key -out greedy.csr\n"
                + "openssl ca -batch -notext -config ca.conf -in greedy.csr -out greedy.crt\n"
                + "openssl x509 -in greedy.crt -noout -ext"
                + " basicConstraints,keyUsage,extendedKeyUsage,subjectAltName");
        for (String asked : List.of("CA:TRUE", "Certificate Sign", "CRL Sign", "Client Authentication")) {
            assertFalse(signed.contains(asked), signed);
        }
        assertTrue(signed.contains("CA:FALSE") && signed.contains("DNS:greedy"), signed);
        assertTrue(kinds.size() >= 12, kinds::toString);
    }

    private void write(String name, String content) throws IOException {
        String more = "";
        if (name.equals("mosquitto.conf") && "root".equals(System.getProperty("user.name"))) {
            more = "user root\n"; // it would become a user who may not read this folder
        }
        Files.writeString(folder.resolve(name), content + more);
    }

    private String run(String commands) throws Exception {
        String path = System.getProperty("java.home") + "/bin:" + System.getenv("PATH") + ":/usr/local/sbin:/usr/sbin";
        Path out = folder.resolve("out");
        ProcessBuilder builder = new ProcessBuilder("bash", "-e", "-c", commands).directory(folder.toFile())
                .redirectErrorStream(true).redirectOutput(out.toFile());
        builder.environment().put("PATH", path);
        builder.environment().put("JAR", System.getProperty("java.class.path"));
        Process process = Processes.start(builder);
        assertTrue(process.waitFor(60, TimeUnit.SECONDS), commands);
        String said = new String(Files.readAllBytes(out), StandardCharsets.UTF_8);
        assertEquals(0, process.exitValue(), () -> commands + said);
        return said;
    }
}
