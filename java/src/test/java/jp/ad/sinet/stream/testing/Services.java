package jp.ad.sinet.stream.testing;

import java.io.IOException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/** Plugins that the application's class loader knows. */
public final class Services {
    private Services() {
    }

    /** Makes these classes known to this thread, as a plugin's jar would; the directory may already contain other kinds. */
    public static void install(Path directory, Class<?> kind, Class<?>... classes) throws IOException {
        install(directory, kind, Arrays.stream(classes).map(Class::getName).toArray(String[]::new));
    }

    public static void install(Path directory, Class<?> kind, String... classes) throws IOException {
        Path services = Files.createDirectories(directory.resolve("META-INF/services"));
        Files.write(services.resolve(kind.getName()), Arrays.asList(classes));
        Thread.currentThread().setContextClassLoader(loader(directory));
    }

    private static ClassLoader loader(Path directory) throws MalformedURLException {
        return new URLClassLoader(new URL[] {directory.toUri().toURL()}, Services.class.getClassLoader());
    }
}
