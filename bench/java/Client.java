import java.util.function.Consumer;

/** A client library, as its users use it. Every method connects, and a reader's also subscribes, before it returns. */
interface Client {
    AsyncWriter asyncWriter(Target target) throws Exception;

    BlockingWriter blockingWriter(Target target) throws Exception;

    /** A reader that gives each message's bytes to a callback. */
    AutoCloseable callbackReader(Target target, Consumer<byte[]> messages, Consumer<Throwable> errors) throws Exception;

    BlockingReader blockingReader(Target target) throws Exception;

    interface AsyncWriter extends AutoCloseable {
        /** Starts a write; {@code done} gets null, or what went wrong, when it has ended. */
        void write(byte[] value, Consumer<Throwable> done) throws Exception;
    }

    /** May be used by several threads. */
    interface BlockingWriter extends AutoCloseable {
        void write(byte[] value) throws Exception;
    }

    interface BlockingReader extends AutoCloseable {
        /** Waits for a message; null when none has come for a while. */
        byte[] read() throws Exception;
    }

    static Client named(String name) {
        switch (name) {
            case "sinetstream":
                return new SinetStreamClient();
            case "hivemq":
                return new HiveMqClient();
            case "paho":
                return new PahoClient();
            default:
                throw new IllegalArgumentException(name + " is not a client");
        }
    }
}
