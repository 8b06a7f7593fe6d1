package jp.ad.sinet.stream.engine.boundary;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;

import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.engine.jvm.Log;

/**
 * Finds and loads the native library: only the file that a system property names, or else the one in the jar.
 * {@code java.library.path} is not searched: loading a library already runs its code before its version can be checked, and
 * an empty entry of {@code LD_LIBRARY_PATH} adds the current directory to that path.
 */
final class NativeLoader {
    static final String PATH_PROPERTY = "sinetstream.native.path";
    static final String TMPDIR_PROPERTY = "sinetstream.native.tmpdir";

    private static final String LIBRARY = "sinetstream";
    private static final String VERSION_RESOURCE = "version.properties";

    private static volatile boolean loaded;
    private static SinetStreamException failure;

    private final UnaryOperator<String> properties;
    private final Platform platform;
    private final List<String> tried = new ArrayList<>();
    private Throwable cause;

    NativeLoader(UnaryOperator<String> properties, Platform platform) {
        this.properties = properties;
        this.platform = platform;
    }

    static void ensureLoaded() {
        if (!loaded) {
            loadOnce();
        }
    }

    private static synchronized void loadOnce() {
        if (loaded) {
            return;
        }
        if (failure == null) {
            try {
                NativeLoader loader = new NativeLoader(System::getProperty, Platform.current());
                String source = loader.load();
                checkVersion(source);
                Native.prepare();
                loaded = true;
                Log.LOGGER.fine(() -> "native library loaded from " + source);
                return;
            } catch (SinetStreamException e) {
                failure = e;
            }
        }
        // A new exception is made for each call, so that it has the caller's stack trace.
        throw new SinetStreamException(failure.getMessage(), failure.getCause());
    }

    /** Loads the library. Returns where it was found. */
    String load() {
        String path = properties.apply(PATH_PROPERTY);
        boolean done;
        try {
            done = path != null ? loadFile("system property " + PATH_PROPERTY, path) : loadFromJar();
        } catch (IllegalCallerException e) {
            Module module = NativeLoader.class.getModule();
            throw new SinetStreamException("the JVM does not allow this package to load a native library; start it with"
                    + " --enable-native-access=" + (module.isNamed() ? module.getName() : "ALL-UNNAMED"), e);
        }
        if (!done) {
            throw new SinetStreamException(explanation(), cause);
        }
        return tried.get(tried.size() - 1);
    }

    private boolean loadFile(String source, String name) {
        tried.add(source + " (" + name + ")");
        try {
            Path file = Path.of(name).toAbsolutePath();
            if (!Files.isRegularFile(file)) {
                return failed("no such file", null);
            }
            try {
                System.load(file.toString());
                return true;
            } catch (UnsatisfiedLinkError e) {
                return isLoadedElsewhere(e) ? loadCopy(file) : failed(e.getMessage(), e);
            }
        } catch (InvalidPathException e) {
            return failed("not a path", e);
        }
    }

    private boolean loadFromJar() {
        String resource = platform.resource(LIBRARY);
        tried.add("resource " + resource);
        try (InputStream library = NativeLoader.class.getResourceAsStream(resource)) {
            return library == null ? failed("not in the jar", null) : loadCopy(library);
        } catch (IOException e) {
            return failed("cannot be read: " + e, e);
        }
    }

    private boolean loadCopy(Path file) {
        try (InputStream library = Files.newInputStream(file)) {
            return loadCopy(library);
        } catch (IOException e) {
            return failed("cannot be read: " + e, e);
        }
    }

    private boolean loadCopy(InputStream library) {
        String directory = properties.apply(TMPDIR_PROPERTY);
        if (directory == null) {
            directory = properties.apply("java.io.tmpdir");
        }
        String hint = "; the system property " + TMPDIR_PROPERTY + " can name another directory for a temporary copy";
        String fileName = System.mapLibraryName(LIBRARY);
        PrivateCopy.deleteLeft(Path.of(directory), fileName);
        try (PrivateCopy copy = new PrivateCopy(library, Path.of(directory), fileName)) {
            String who = copy.whoCanExchangeIt();
            if (who != null) {
                Log.LOGGER.warning(who + ", and so exchange the native library while it is loaded" + hint);
            }
            try {
                System.load(copy.file().toAbsolutePath().toString());
                return true;
            } catch (UnsatisfiedLinkError e) {
                return failed(isNoExec(e)
                        ? "directory " + directory + " does not allow programs to be executed (noexec)" + hint + " ("
                                + e.getMessage() + ")"
                        : e.getMessage(), e);
            }
        } catch (IOException | InvalidPathException e) {
            return failed("cannot be copied to directory " + directory + ": " + e + hint, e);
        }
    }

    /**
     * Tells whether another class loader has loaded this file, which the JVM does not allow twice. Another copy of the file
     * counts as another library.
     */
    private static boolean isLoadedElsewhere(UnsatisfiedLinkError e) {
        return String.valueOf(e.getMessage()).contains("already loaded in another classloader");
    }

    private static boolean isNoExec(UnsatisfiedLinkError e) {
        String message = String.valueOf(e.getMessage());
        // Some C libraries report only the first text, so that only another reason rules this one out.
        return message.contains("failed to map segment") && !message.contains("Cannot allocate memory") || message.contains("Operation not permitted")
                || message.contains("Permission denied");
    }

    private boolean failed(String reason, Throwable why) {
        int last = tried.size() - 1;
        tried.set(last, tried.get(last) + ": " + reason);
        if (why != null) {
            cause = why;
        }
        return false;
    }

    private String explanation() {
        String held = Platform.all().stream()
                .filter(each -> NativeLoader.class.getResource(each.resource(LIBRARY)) != null)
                .map(Platform::toString)
                .collect(Collectors.joining(", "));
        return "the native library cannot be loaded on " + platform + " (os.name " + properties.apply("os.name")
                + ", os.arch " + properties.apply("os.arch") + ", JVM " + properties.apply("java.vm.name") + " "
                + properties.apply("java.vm.version") + "). Tried: " + String.join(" | ", tried)
                + ". The jar holds libraries for: " + (held.isEmpty() ? "no platform" : held)
                + (properties.apply(PATH_PROPERTY) != null ? "" : "; the system property " + PATH_PROPERTY + " can name another file");
    }

    private static void checkVersion(String source) {
        String expected = jarVersion();
        String actual;
        try {
            actual = new String(Returned.array(Native.version()), StandardCharsets.UTF_8);
        } catch (UnsatisfiedLinkError e) {
            throw new SinetStreamException("the native library from " + source + " is not one of SINETStream, or older than the Java"
                    + " classes", e);
        }
        if (expected != null && !expected.equals(actual)) {
            throw new SinetStreamException("the native library from " + source + " has version " + actual
                    + ", but the Java classes have version " + expected + "; the class path or the system property "
                    + PATH_PROPERTY + " mixes two versions");
        }
    }

    /** Returns the version of the jar; null when it is not known, as for classes that were compiled without the build. */
    private static String jarVersion() {
        try (InputStream resource = NativeLoader.class.getResourceAsStream(VERSION_RESOURCE)) {
            if (resource == null) {
                return null;
            }
            Properties versions = new Properties();
            versions.load(resource);
            String version = versions.getProperty("version", "@");
            return version.startsWith("@") ? null : version;
        } catch (IOException e) {
            return null;
        }
    }
}
