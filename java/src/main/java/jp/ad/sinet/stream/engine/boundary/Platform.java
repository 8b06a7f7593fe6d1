package jp.ad.sinet.stream.engine.boundary;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** An operating system and a processor architecture, named like the directories of native libraries in the jar. */
final class Platform {
    private static final List<String> SYSTEMS = List.of("linux", "linux-musl", "macos", "windows");
    private static final List<String> ARCHITECTURES = List.of("x86_64", "aarch64");

    private final String system;
    private final String architecture;

    Platform(String system, String architecture) {
        this.system = system;
        this.architecture = architecture;
    }

    /** Returns the platform of this JVM. */
    static Platform current() {
        String system = system(System.getProperty("os.name", ""));
        return new Platform(system.equals("linux") && isMusl() ? "linux-musl" : system,
                architecture(System.getProperty("os.arch", "")));
    }

    /** Returns all platforms for which the jar may contain a library. */
    static List<Platform> all() {
        List<Platform> all = new ArrayList<>();
        for (String system : SYSTEMS) {
            for (String architecture : ARCHITECTURES) {
                all.add(new Platform(system, architecture));
            }
        }
        return all;
    }

    static String system(String osName) {
        String name = osName.toLowerCase(Locale.ROOT);
        if (name.startsWith("linux")) {
            return "linux";
        } else if (name.startsWith("mac") || name.startsWith("darwin")) {
            return "macos";
        } else if (name.startsWith("windows")) {
            return "windows";
        }
        return name.replaceAll("[^a-z0-9]+", "-");
    }

    static String architecture(String osArch) {
        String name = osArch.toLowerCase(Locale.ROOT);
        switch (name) {
            case "amd64":
            case "x86-64":
            case "x64":
                return "x86_64";
            case "arm64":
                return "aarch64";
            default:
                return name.replaceAll("[^a-z0-9_]+", "-");
        }
    }

    /**
     * Tells whether this process uses musl, according to its mapped files: a system with one C library may also have the
     * dynamic loader of the other one (gcompat of Alpine, musl-tools of Debian).
     */
    private static boolean isMusl() {
        Boolean mapped = isMusl(Path.of("/proc/self/maps"));
        return mapped != null ? mapped : hasFile("/lib", "ld-musl-*.so.1") && !hasFile("/lib", "ld-linux*.so*")
                && !hasFile("/lib64", "ld-linux*.so*");
    }

    /** Tells this from a file that proc(5) calls {@code maps}; null when the file does not tell. */
    static Boolean isMusl(Path maps) {
        try (Stream<String> lines = Files.lines(maps, StandardCharsets.ISO_8859_1)) {
            List<String> files = lines.map(line -> line.substring(line.lastIndexOf('/') + 1)).collect(Collectors.toList());
            if (files.stream().anyMatch(file -> file.startsWith("ld-musl-"))) {
                return true;
            }
            // musl has no libc.so.6; releases of glibc before 2.34 map libc-2.33.so
            return files.stream().anyMatch(file -> file.matches("libc\\.so\\.6|libc-2\\..*\\.so")) ? false : null;
        } catch (IOException | UncheckedIOException e) {
            return null;
        }
    }

    private static boolean hasFile(String directory, String glob) {
        try (DirectoryStream<Path> files = Files.newDirectoryStream(Path.of(directory), glob)) {
            return files.iterator().hasNext();
        } catch (IOException e) {
            return false;
        }
    }

    /** Returns the absolute name of the resource that contains the library for this platform. */
    String resource(String library) {
        String file;
        switch (system) {
            case "windows":
                file = library + ".dll";
                break;
            case "macos":
                file = "lib" + library + ".dylib";
                break;
            default:
                file = "lib" + library + ".so";
        }
        return "/native/" + this + "/" + file;
    }

    @Override
    public String toString() {
        return system + "-" + architecture;
    }
}
