import java.time.Duration;

import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/**
 * Uses a service with encryption and compression, which need no code in the program. examples/encrypted.rs does the same in
 * Rust.
 */
public final class Encrypted {
    private Encrypted() {
    }

    public static void main(String[] args) {
        MessageReaderFactory<String> readers = MessageReaderFactory.<String>builder().service("encrypted")
                .receiveTimeout(Duration.ofSeconds(10)).build();
        MessageWriterFactory<String> writers = MessageWriterFactory.<String>builder().service("encrypted").build();
        try (MessageReader<String> reader = readers.getReader(); MessageWriter<String> writer = writers.getWriter()) {
            writer.write("a secret ".repeat(100));
            System.out.println("read " + reader.read().getValue().length() + " characters");
            System.out.println(reader.getMetrics().getMsgBytesTotal() + " bytes on the wire");
        }
    }
}
