import jp.ad.sinet.stream.api.ConnectionListener;
import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/**
 * A bridge: what comes from one broker goes to another, which may be away for days, and the bridge may die meanwhile.
 * examples/bridge.rs does the same in Rust.
 * <pre>
 * java -cp "$(make -s classpath)" examples/Bridge.java
 * </pre>
 */
public final class Bridge {
    private Bridge() {
    }

    public static void main(String[] args) {
        ConnectionListener told = event -> System.out.println(event);
        // The broker keeps the reader's session, and with it what comes while the bridge is not there. A message comes again
        // unless the bridge says that it has it ('acknowledge: processed'). The writer has an outbox on disk, and sends first
        // what an earlier bridge has left in it.
        try (MessageReader<String> reader = MessageReaderFactory.<String>builder().service("bridge-from")
                .connectionListener(told).build().getReader();
                MessageWriter<String> writer = MessageWriterFactory.<String>builder().service("bridge-to")
                        .connectionListener(told).build().getWriter()) {
            System.out.println("the bridge is open");
            for (Message<String> message = reader.read(); message != null; message = reader.read()) {
                // Returns when the message is on disk. It keeps the time at which it was written first.
                writer.write(message.getValue(), message.getTimestampMicroseconds());
                reader.acknowledge(message);
                System.out.println(message.getValue() + " is kept");
            }
        }
    }
}
