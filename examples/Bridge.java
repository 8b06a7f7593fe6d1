import jp.ad.sinet.stream.api.ConnectionListener;
import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/**
 * Forwards the messages of one broker to another, which may be unreachable for days, and survives its own crash.
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
        // The broker keeps the reader's session, and in it the messages that arrive while the bridge is down. It sends a
        // message again until the bridge acknowledges it ('acknowledge: processed'). The writer has an outbox on disk, and
        // sends the messages first that an earlier process has left there.
        try (MessageReader<String> reader = MessageReaderFactory.<String>builder().service("bridge-from")
                .connectionListener(told).build().getReader();
                MessageWriter<String> writer = MessageWriterFactory.<String>builder().service("bridge-to")
                        .connectionListener(told).build().getWriter()) {
            System.out.println("the bridge is open");
            for (Message<String> message = reader.read(); message != null; message = reader.read()) {
                // Returns when the message is on disk. The message keeps its original time.
                writer.write(message.getValue(), message.getTimestampMicroseconds());
                reader.acknowledge(message);
                System.out.println(message.getValue() + " is kept");
            }
        }
    }
}
