import java.time.Duration;
import java.util.Arrays;

import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** Sends bytes unchanged. examples/binary.rs does the same in Rust. */
public final class Binary {
    private Binary() {
    }

    public static void main(String[] args) {
        MessageReaderFactory<byte[]> readers = MessageReaderFactory.<byte[]>builder().service("binary")
                .receiveTimeout(Duration.ofSeconds(10)).build();
        MessageWriterFactory<byte[]> writers = MessageWriterFactory.<byte[]>builder().service("binary").build();
        try (MessageReader<byte[]> reader = readers.getReader(); MessageWriter<byte[]> writer = writers.getWriter()) {
            writer.write(new byte[] {0, 1, -2, -1});
            Message<byte[]> message = reader.read();
            System.out.println("read " + Arrays.toString(message.getValue()) + " of "
                    + message.getTimestampMicroseconds() + " µs since 1970");
        }
    }
}
