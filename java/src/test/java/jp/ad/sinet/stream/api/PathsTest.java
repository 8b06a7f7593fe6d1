package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URI;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;

import jp.ad.sinet.stream.testing.ChildJvm;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** Files that Java strings cannot name, or name differently. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class PathsTest {
    @TempDir
    Path directory;

    // ---- other file systems

    @Test
    void aPathOfAnotherFileSystemIsRefused() throws IOException {
        URI zip = URI.create("jar:" + directory.resolve("files.zip").toUri());
        try (FileSystem other = FileSystems.newFileSystem(zip, Map.of("create", "true"))) {
            // The host has a file of that name, too.
            Path file = other.getPath(Files.createTempFile(directory, "other", ".yml").toString());
            refused("config_file", () -> MessageWriterFactory.builder().configFile(file).build().getWriter().close());
            refused("config_file", () -> MessageReaderFactory.builder().configFile(file).build().getReader().close());
            refused("auth_file", () -> MessageWriterFactory.builder().authFile(file).build().getWriter().close());
            refused("private_key_file", () -> MessageReaderFactory.builder().privKeyFile(file).build().getReader().close());
            refused("tls.ca_certs", () -> Clients.textWriter("127.0.0.1:1", "t").parameter("tls", Map.of("ca_certs", file))
                    .build().getWriter().close());
            refused("own[1]", () -> Clients.textReader("127.0.0.1:1", "t").parameter("own", List.of(1, file)).build()
                    .getReader().close());
        }
    }

    private static void refused(String parameter, Executable open) {
        String message = assertThrows(InvalidConfigurationException.class, open).getMessage();
        assertTrue(message.contains("parameter " + parameter + ": ") && message.contains("another file system ('jar')")
                && message.contains("only files of the default file system can be read"), message);
    }

    // ---- letters that the locale's encoding lacks

    /**
     * Prepares a JVM in a subdirectory with Japanese letters that contains these files. The shell makes the name, since this
     * JVM may lack the letters.
     */
    private ChildJvm inFolder(String... files) throws IOException {
        StringBuilder commands = new StringBuilder("set -e; cd '" + directory + "'; folder=$(printf '\\346\\227\\245"
                + "\\346\\234\\254'); mkdir \"$folder\"; cd \"$folder\"; ");
        for (String file : files) {
            Path template = Files.writeString(Files.createTempFile(directory, "template", ""),
                    "svc: {type: found-" + file.replaceAll("\\W", "-") + "}\n");
            commands.append("mkdir -p \"$(dirname " + file + ")\"; mv '" + template + "' " + file + "; ");
        }
        commands.append("export LC_ALL=C HOME=\"$PWD\"; exec \"$@\"");
        return new ChildJvm().under("sh", "-c", commands.toString(), "sh");
    }

    private static void told(ChildJvm.Result result, String... parts) {
        String[] lines = result.out.split(System.lineSeparator());
        assertEquals(parts.length + 1, lines.length, result::toString);
        for (int i = 0; i < parts.length; i++) {
            assertTrue(lines[i].contains(parts[i]), result::toString);
        }
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void theCurrentFolderIsTheProcesses() throws IOException {
        told(inFolder(".sinetstream_config.yml").run("config"), "found--sinetstream_config-yml", "found--sinetstream_config-yml");
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void butOneThatTheProgramHasChosenWins() throws IOException {
        Path chosen = Files.createDirectory(directory.resolve("chosen"));
        String nothing = "no configuration file found; looked for " + chosen;
        told(inFolder(".sinetstream_config.yml").option("-Duser.dir=" + chosen).run("config"), nothing, nothing);
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void theHomeFolderIsTheUsers() throws IOException {
        ChildJvm child = inFolder(".config/sinetstream/config.yml");
        // This is how the JVM shows a home directory of that name.
        child.option("-Duser.home=" + directory + "/??????");
        told(child.run("config"), "found--config-sinetstream-config-yml", "found--config-sinetstream-config-yml");
    }

    @Test
    @EnabledOnOs(OS.LINUX)
    void filesOfAListingAreRead() throws IOException {
        told(inFolder("ca_certs", "config.yml", "trustStore").run("listed-files", directory.toString()),
                "no certificate in it", "found-config-yml", "it is not a key store");
    }
}
