import java.util.List;
import java.util.Map;

import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/**
 * Writes texts as a different user than the configuration file's: the builder's parameters replace those of the file.
 * examples/write_as.rs does the same in Rust.
 * <pre>
 * java -cp "$(make -s classpath)" examples/WriteAs.java SERVICE USER PASSWORD TEXT...
 * </pre>
 */
public final class WriteAs {
    private WriteAs() {
    }

    public static void main(String[] args) {
        if (args.length < 4) {
            System.err.println("usage: WriteAs SERVICE USER PASSWORD TEXT...");
            System.exit(2);
        }
        MessageWriterFactory<String> factory = MessageWriterFactory.<String>builder()
                .service(args[0])
                .valueType(SimpleValueType.TEXT)
                .parameter("username_pw", Map.of("username", args[1], "password", args[2]))
                .build();
        try (MessageWriter<String> writer = factory.getWriter()) {
            for (String text : List.of(args).subList(3, args.length)) {
                writer.write(text);
                System.out.println("wrote " + text);
            }
        } catch (SinetStreamException e) {
            System.err.println(e);
            System.exit(1);
        }
    }
}
