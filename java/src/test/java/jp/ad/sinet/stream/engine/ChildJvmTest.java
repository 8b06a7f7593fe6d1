package jp.ad.sinet.stream.engine;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.engine.boundary.EngineAccess;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Certificates;
import jp.ad.sinet.stream.testing.ChildJvm;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.ScriptedBroker;

/** Complete JVMs exit by themselves, print nothing unexpected, and find the native library. */
@Timeout(240)
@ExtendWith(NoLeaks.class)
class ChildJvmTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    private static final String RETURNS = "main returns";

    @TempDir
    Path directory;

    /** Asserts that the JVM exited with code 0, and printed these lines and nothing else. */
    private static void clean(ChildJvm.Result result, String... lines) {
        assertTrue(result.ended && result.exitCode == 0, result::toString);
        assertEquals("", result.err);
        assertEquals(String.join(System.lineSeparator(), lines), result.out);
    }

    // ---- the JVM ends

    @ParameterizedTest
    @ValueSource(strings = {"open-writer", "blocked-read"})
    void endsWithOpenClients(String scenario) throws IOException {
        clean(new ChildJvm().run(scenario, BROKER.open()), RETURNS);
    }

    @ParameterizedTest
    @ValueSource(strings = {"blocked-write", "closing"})
    void endsWithUnconfirmedMessages(String scenario) throws IOException {
        try (ScriptedBroker broker = ScriptedBroker.neverAcknowledging()) {
            clean(new ChildJvm().run(scenario, broker.address()), RETURNS);
        }
    }

    @Test
    void endsWhileConnecting() throws IOException {
        try (ScriptedBroker broker = ScriptedBroker.silent()) {
            clean(new ChildJvm().run("connecting", broker.address()), RETURNS);
        }
    }

    @Test
    void endsAfterALostConnection() throws IOException {
        ChildJvm.Result result = new ChildJvm().run("lost-connection");
        assertTrue(result.ended && result.exitCode == 0, result::toString);
        assertTrue(result.out.contains("SinetStreamIOException"), result::toString);
        // The loss is logged, unless the JVM exits first.
        assertTrue(result.err.isEmpty() || result.err.contains("is lost"), result::toString);
    }

    @Test
    void endsAfterAnOrderlyUse() throws IOException {
        clean(new ChildJvm().run("exchange", BROKER.open()), "hello", RETURNS);
    }

    @Test
    void endsWithAsynchronousClientsOpen() throws IOException {
        clean(new ChildJvm().run("open-async", BROKER.open()), RETURNS);
    }

    @Test
    void theBlockingApiNeedsNoJDeferred() throws IOException {
        clean(new ChildJvm().without("jdeferred").run("exchange", BROKER.open()), "hello", RETURNS);
    }

    @Test
    void asynchronousReadersNeedNoJDeferred() throws IOException {
        clean(new ChildJvm().without("jdeferred").run("exchange-by-callback", BROKER.open()), "hello", RETURNS);
    }

    @Test
    void exitDuringAWrite() throws IOException {
        try (ScriptedBroker broker = ScriptedBroker.neverAcknowledging()) {
            ChildJvm.Result result = new ChildJvm().run("exit-during-write", broker.address());
            assertTrue(result.ended && result.exitCode == 3 && (result.out + result.err).isEmpty(), result::toString);
        }
    }

    @Test
    void uncaughtException() throws IOException {
        ChildJvm.Result result = new ChildJvm().run("uncaught", BROKER.open());
        assertTrue(result.ended && result.exitCode == 1 && result.out.isEmpty(), result::toString);
        List<String> lines = List.of(result.err.split(System.lineSeparator()));
        assertTrue(lines.get(0).contains("IllegalStateException: on purpose"), result::toString);
        assertTrue(lines.stream().skip(1).allMatch(line -> line.startsWith("\tat ")), result::toString);
    }

    // ---- application servers

    /**
     * The classes for errors are loaded in advance; otherwise the natives could not throw, and their results would count as
     * success.
     */
    @Test
    void anApplicationThatIsStoppedWithOpenClientsMeetsTheirErrors() throws IOException {
        List<String> uses = Collections.nCopies(8, "failed");
        List<String> closes = Collections.nCopies(5, "done");
        clean(new ChildJvm().run("stopped-application", directory.toString()),
                Stream.of(uses, closes).flatMap(List::stream).collect(Collectors.toList()).toString(), "not found: []", RETURNS);
    }

    @Test
    void nothingIsLeftOfApplicationsThatAreGone() throws IOException {
        List<String> lines = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            lines.addAll(List.of("hello", "ConnectionException, ConnectException"));
        }
        lines.add(RETURNS);
        clean(new ChildJvm().run("redeployed", BROKER.open()), lines.toArray(new String[0]));
    }

    // ---- threads

    /** Operations that need a thread complete when one can be started, and all others continue. */
    @Test
    void aProcessThatMayHaveNoMoreThreadsWritesAndCloses() throws IOException {
        assumeTrue(System.getProperty("os.name").equals("Linux"), "limits of memory are another system's own affair");
        clean(new ChildJvm().under("sh", "-c", "ulimit -v 8000000; exec \"$@\"", "sh").option("-Xlog:disable").option("-Xmx64m")
                .option("-Xss128m").option("-XX:CompressedClassSpaceSize=64m").option("-XX:ReservedCodeCacheSize=64m")
                .run("no-threads", BROKER.open()),
                "a write ends", "1 client is closed", "told: true", "a plugin's reader has its thread", RETURNS);
    }

    // ---- memory

    /** In one message the library lacks memory for its array, in the other Java lacks memory for the copy. */
    @Test
    void messagesThatTheHeapDoesNotHoldAreFailuresOfTheirOwn() throws IOException {
        int[] sizes = {3, 64 << 20, 4, 24 << 20, 5};
        try (MessageWriter<byte[]> writer = Clients.<byte[]>writer(BROKER.open(), Clients.topic(), SimpleValueType.BYTE_ARRAY)
                .parameter("data_compression", true).parameter("compression", Map.of("algorithm", "zstd")).build().getWriter()) {
            for (int i = 0; i < sizes.length; i++) {
                writer.write(new byte[sizes[i]]);
                Files.write(directory.resolve(String.valueOf(i)), writer.getDebugLastMsgBytes());
            }
        }
        String why = " bytes when it is decoded, and the JVM has not the memory for it";
        clean(new ChildJvm().option("-Xmx48m").run("small-heap", BROKER.open(), directory.toString()),
                "3", "the message has " + sizes[1] + why, "4", "the message has " + sizes[3] + why + " twice", "5",
                "4 messages, 2 errors, 0 left", RETURNS);
    }

    // ---- certificates that the JVM trusts

    @Test
    void tlsTrustsWhatTheJvmTrusts() throws IOException {
        clean(new ChildJvm().option("-Djavax.net.ssl.trustStore=" + Certificates.get().trustStore)
                .option("-Djavax.net.ssl.trustStorePassword=" + Certificates.STORE_PASSWORD)
                .run("tls", BROKER.tls()), "connected, 0 errors", RETURNS);
    }

    @Test
    void whatTheJvmForbidsAndTheEngineAcceptsIsTold() throws IOException {
        Path security = Files.writeString(directory.resolve("security"), "jdk.certpath.disabledAlgorithms=MD5, RSA keySize < 3072\n"
                + "jdk.tls.disabledAlgorithms=SSLv3, TLSv1.2\n");
        ChildJvm.Result result = new ChildJvm().option("-Djava.security.properties=" + security)
                .option("-Djavax.net.ssl.trustStore=" + Certificates.get().trustStore)
                .option("-Djavax.net.ssl.trustStorePassword=" + Certificates.STORE_PASSWORD).run("tls", BROKER.tls());
        assertTrue(result.out.startsWith("connected"), result::toString);
        for (String part : new String[] {"RSA keySize < 3072 (jdk.certpath.disabledAlgorithms)", "TLSv1.2 (jdk.tls.disabledAlgorithms)"}) {
            assertEquals(1, occurrences(result.err, "TLS: the JVM forbids " + part), result::toString);
        }
    }

    // ---- loading

    private static void loaded(ChildJvm.Result result, String from) {
        assertTrue(result.ended && result.exitCode == 0 && result.err.isEmpty(), result::toString);
        String[] lines = result.out.split(System.lineSeparator());
        assertTrue(lines[0].startsWith("native library loaded from ") && lines[0].contains(from), result::toString);
        assertTrue(lines[1].startsWith("InvalidConfigurationException: "), result::toString);
        assertEquals(1, occurrences(result.out, "native library loaded"), result::toString);
    }

    private static int occurrences(String text, String part) {
        return (text.length() - text.replace(part, "").length()) / part.length();
    }

    /** Asserts that each attempt throws the same clear SinetStreamException, and that nothing else is printed. */
    private static void notLoaded(ChildJvm.Result result, String... parts) {
        assertTrue(result.ended && result.exitCode == 0, result::toString);
        assertTrue(result.err.isEmpty() || result.err.contains("VM warning: You have loaded library")
                || result.err.equals("WARNING: java.io.tmpdir directory does not exist"), result::toString);
        assertEquals(2, occurrences(result.out, "SinetStreamException: the native library"), result::toString);
        for (String part : parts) {
            assertEquals(2, occurrences(result.out, part), () -> part + " in " + result);
        }
        assertFalse(result.out.contains("loaded from"), result::toString);
    }

    @Test
    void loadsFromTheJar() throws IOException {
        loaded(new ChildJvm().option("-Dsinetstream.native.tmpdir=" + directory).run("load"), "resource /native/");
        try (var left = Files.list(directory)) {
            assertEquals(0, left.count());
        }
    }

    @Test
    void loadsFromTheNamedFile() throws IOException {
        Path library = EngineAccess.extractLibrary(directory);
        loaded(new ChildJvm().option("-Dsinetstream.native.path=" + library).run("load"), library.toString());
    }

    @Test
    void loadsFromTheNamedFileRelativeToTheWorkingDirectory() throws IOException {
        Path library = EngineAccess.extractLibrary(directory);
        loaded(new ChildJvm().workingDirectory(directory).option("-Dsinetstream.native.path=" + library.getFileName())
                .run("load"), library.getFileName().toString());
    }

    /** The constructor of a library runs while it is loaded, so a library that was not named must not even be opened. */
    @Test
    void aLibraryOfTheSameNameElsewhereIsLeftAlone() throws IOException {
        Path source = Files.writeString(directory.resolve("foreign.c"), "#include <stdio.h>\n"
                + "__attribute__((constructor)) static void begin(void) { puts(\"foreign code runs\"); fflush(stdout); }\n");
        Path foreign = directory.resolve(System.mapLibraryName("sinetstream"));
        // A machine that builds the engine has a C compiler.
        assertTrue(works("cc", "-shared", "-fPIC", "-o", foreign.toString(), source.toString()));
        // An empty entry means the current directory.
        loaded(new ChildJvm().workingDirectory(directory).environment("LD_LIBRARY_PATH", ":/usr/lib").run("load"), "resource /native/");
        loaded(new ChildJvm().option("-Djava.library.path=" + directory).run("load"), "resource /native/");
        ChildJvm.Result named = new ChildJvm().option("-Dsinetstream.native.path=" + foreign).run("load");
        assertTrue(named.out.startsWith("foreign code runs"), named::toString);
    }

    @Test
    void aTemporaryDirectoryWhereOthersCanExchangeTheLibraryIsToldOf() throws IOException {
        assumeTrue(directory.getFileSystem().supportedFileAttributeViews().contains("unix"), "no modes");
        for (int mode : new int[] {0777, 01777, 0700}) {
            Files.setAttribute(directory, "unix:mode", mode);
            ChildJvm.Result result = new ChildJvm().option("-Dsinetstream.native.tmpdir=" + directory).run("load");
            assertTrue(result.out.contains("native library loaded from resource"), result::toString);
            assertEquals(mode == 0777, (result.out + result.err).contains("every user may rename what is in the directory " + directory),
                    result::toString);
        }
    }

    /** Runs only as root, because only root can change the owner of a directory. */
    @Test
    void aTemporaryDirectoryOfSomebodyElseIsToldOf() throws IOException {
        assumeTrue(directory.getFileSystem().supportedFileAttributeViews().contains("unix"), "no owners");
        Path theirs = Files.createDirectory(directory.resolve("theirs"));
        try {
            Files.setAttribute(theirs, "unix:uid", 12345);
        } catch (IOException e) {
            assumeTrue(false, "not root");
        }
        ChildJvm.Result result = new ChildJvm().option("-Dsinetstream.native.tmpdir=" + theirs).run("load");
        assertTrue(result.out.contains("native library loaded from resource"), result::toString);
        String warning = "another user may rename what is in the directory " + theirs + " (it belongs to uid 12345)";
        assertTrue((result.out + result.err).contains(warning), result::toString);
    }

    @ParameterizedTest
    @ValueSource(strings = {"jar", "sinetstream.native.path"})
    void severalClassLoadersLoadIt(String from) throws IOException {
        Path library = EngineAccess.extractLibrary(directory);
        ChildJvm child = new ChildJvm();
        if (!from.equals("jar")) {
            child.option("-D" + from + "=" + library);
        }
        clean(child.run("two-loaders", BROKER.open()), "hello", "hello", "hello", RETURNS);
    }

    @Test
    void missingFileIsOneClearException() throws IOException {
        notLoaded(new ChildJvm().option("-Dsinetstream.native.path=/no/such/library.so").run("load"),
                "/no/such/library.so", "no such file", "sinetstream.native.path");
    }

    @Test
    void fileOfAnotherKindIsOneClearException() throws IOException {
        Path file = Files.writeString(directory.resolve("libother.so"), "not a library");
        notLoaded(new ChildJvm().option("-Dsinetstream.native.path=" + file).run("load"),
                "(" + file + ")");
    }

    @Test
    void anotherLibraryIsOneClearException() throws IOException {
        Path zip = Path.of(System.getProperty("java.home"), "lib", System.mapLibraryName("zip"));
        assumeTrue(Files.exists(zip), "this JDK is built otherwise");
        notLoaded(new ChildJvm().option("-Dsinetstream.native.path=" + zip).run("load"), zip.toString(),
                "is not one of SINETStream");
    }

    @Test
    void aLibraryOfAnotherVersionIsExplained() throws IOException {
        Path library = EngineAccess.extractLibrary(Files.createDirectory(directory.resolve("old")));
        Path classes = directory.resolve("new");
        Path version = classes.resolve("jp/ad/sinet/stream/engine/boundary/version.properties");
        Files.createDirectories(version.getParent());
        Files.writeString(version, "version=99.0");
        notLoaded(new ChildJvm().option("-Dsinetstream.native.path=" + library)
                .option("-cp").option(classes + File.pathSeparator + ChildJvm.classPath()).run("load"),
                "from system property sinetstream.native.path (" + library + ") has version ", "have version 99.0; the class path or");
    }

    @Test
    void aJvmThatAllowsNoNativeAccessIsExplained() throws IOException {
        assumeTrue(Runtime.version().feature() >= 24, "warns only");
        ChildJvm.Result result = new ChildJvm().option(ChildJvm.NO_NATIVE_ACCESS).run("load");
        assertEquals(2, occurrences(result.out, "SinetStreamException: the JVM does not allow this package to load a native library;"
                + " start it with --enable-native-access=ALL-UNNAMED"), result::toString);
    }

    @Test
    void unusableTemporaryDirectoryIsExplained() throws IOException {
        String missing = directory.resolve("missing").toString();
        notLoaded(new ChildJvm().option("-Dsinetstream.native.tmpdir=" + missing).run("load"),
                "directory " + missing, "the system property sinetstream.native.tmpdir can name another");
        notLoaded(new ChildJvm().option("-Djava.io.tmpdir=" + missing).run("load"), "directory " + missing);
    }

    @Test
    void temporaryDirectoryWithoutExecutionIsExplained() throws IOException {
        // a separate mount namespace, so that nothing stays mounted
        String[] mounted = {"unshare", "--mount", "--map-root-user", "sh", "-c",
            "mount -t tmpfs -o noexec tmpfs " + directory + " && exec \"$@\"", "sh"};
        assumeTrue(works(Stream.concat(Stream.of(mounted), Stream.of("true")).toArray(String[]::new)), "may not mount");
        notLoaded(new ChildJvm().under(mounted).option("-Dsinetstream.native.tmpdir=" + directory).run("load"),
                "noexec", "directory " + directory, "the system property sinetstream.native.tmpdir can name another");
    }

    private static boolean works(String... command) {
        try {
            Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
            process.getInputStream().readAllBytes();
            return process.waitFor() == 0;
        } catch (IOException e) {
            return false;
        } catch (InterruptedException e) {
            throw new AssertionError("interrupted", e);
        }
    }
}
