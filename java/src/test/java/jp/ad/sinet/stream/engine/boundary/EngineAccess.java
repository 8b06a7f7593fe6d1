package jp.ad.sinet.stream.engine.boundary;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** Gives tests of other packages access to the engine. */
public final class EngineAccess {
    private EngineAccess() {
    }

    /** Returns the number of open handles in this process. */
    public static int liveHandles() {
        Native.ensureLoaded();
        return Native.liveHandles();
    }

    /** Copies the jar's native library into a directory and returns the file. */
    public static Path extractLibrary(Path directory) throws IOException {
        String resource = Platform.current().resource("sinetstream");
        try (InputStream library = EngineAccess.class.getResourceAsStream(resource)) {
            if (library == null) {
                throw new IOException(resource + " is not on the class path");
            }
            Path file = directory.resolve(System.mapLibraryName("sinetstream"));
            Files.copy(library, file);
            return file;
        }
    }
}
