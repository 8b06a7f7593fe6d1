package program;

import java.nio.charset.StandardCharsets;
import java.util.Map;

import jp.ad.sinet.stream.api.Deserializer;
import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageReaderFactory.MessageReaderFactoryBuilder;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** A program of named modules: it writes with the plugin's compression, and reads with a class of its own. */
public final class Main {
    /** The class that the parameter value_deserializer names. */
    public static class Upper implements Deserializer<String> {
        @Override
        public String deserialize(byte[] bytes) {
            return new String(bytes, StandardCharsets.UTF_8).toUpperCase();
        }
    }

    private static MessageReaderFactoryBuilder<String> reader(Map<String, Object> parameters, String deserializer) {
        return MessageReaderFactory.<String>builder().noConfig(true).parameters(parameters)
                .parameter("value_deserializer", deserializer);
    }

    public static void main(String[] arguments) {
        Map<String, Object> parameters = Map.of("type", "mqtt", "brokers", arguments[0], "topic", "modules/" + arguments[1],
                "consistency", "AT_LEAST_ONCE", "data_compression", true, "compression", Map.of("algorithm", "reversed"));
        try (MessageReader<String> reader = reader(parameters, "program.Main$Upper").build().getReader();
                MessageWriter<String> writer = MessageWriterFactory.<String>builder().noConfig(true).parameters(parameters)
                        .valueType(SimpleValueType.TEXT).build().getWriter()) {
            writer.write("hello");
            System.out.println(reader.read().getValue());
        }
        try (MessageReader<String> reader = reader(parameters, "program.hidden.HiddenDeserializer").build().getReader()) {
            System.out.println("made an object of a package that is not exported: " + reader.getDeserializer());
        } catch (InvalidConfigurationException e) {
            System.out.println(e.getMessage());
        }
        System.out.println(MessageReader.class.getModule() + ", java.desktop: "
                + ModuleLayer.boot().findModule("java.desktop").isPresent());
    }
}
