import java.util.List;

import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/**
 * Writes texts to a service of the configuration file, or reads from it. examples/demo.rs does the same in Rust.
 * <pre>
 * java -cp "$(make -s classpath)" examples/Demo.java write SERVICE TEXT...
 * java -cp "$(make -s classpath)" examples/Demo.java read SERVICE COUNT
 * </pre>
 */
public final class Demo {
    private Demo() {
    }

    public static void main(String[] args) {
        List<String> words = List.of(args);
        try {
            if (words.size() >= 3 && words.get(0).equals("write")) {
                write(words.get(1), words.subList(2, words.size()));
            } else if (words.size() == 3 && words.get(0).equals("read")) {
                read(words.get(1), Integer.parseInt(words.get(2)));
            } else {
                System.err.println("usage: Demo write SERVICE TEXT... | Demo read SERVICE COUNT");
                System.exit(2);
            }
        } catch (SinetStreamException e) { // the superclass of all exceptions of the library
            System.err.println(e);
            System.exit(1);
        }
    }

    private static void write(String service, List<String> texts) {
        MessageWriterFactory<String> factory = MessageWriterFactory.<String>builder()
                .service(service)
                .valueType(SimpleValueType.TEXT)
                .build();
        try (MessageWriter<String> writer = factory.getWriter()) {
            for (String text : texts) {
                writer.write(text);
                System.out.println("wrote " + text);
            }
        }
    }

    private static void read(String service, int count) {
        MessageReaderFactory<String> factory = MessageReaderFactory.<String>builder()
                .service(service)
                .valueType(SimpleValueType.TEXT)
                .build();
        try (MessageReader<String> reader = factory.getReader()) {
            System.out.println("ready"); // the reader is subscribed, so messages that are written from now on arrive
            for (int i = 0; i < count; i++) {
                Message<String> message = reader.read();
                if (message == null) {
                    break; // happens only with receive_timeout_ms
                }
                System.out.println("read " + message.getValue() + " from " + message.getTopic());
            }
        }
    }
}
