import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/**
 * Writes five values a second, and continues after failures of the broker. examples/sensor.rs does the same in Rust.
 * <pre>
 * java -cp "$(make -s classpath)" examples/Sensor.java COUNT
 * </pre>
 */
public final class Sensor {
    private Sensor() {
    }

    public static void main(String[] args) throws InterruptedException {
        int count = args.length > 0 ? Integer.parseInt(args[0]) : 20;
        MessageWriterFactory<String> writers = MessageWriterFactory.<String>builder().service("sensor")
                .connectionListener(event -> System.out.println(event)).build();
        try (MessageWriter<String> writer = writers.getWriter()) {
            for (int number = 0; number < count; number++) {
                // Waits while the broker is unreachable, and resends messages that the broker has not confirmed.
                writer.write("value " + number);
                System.out.println("value " + number + " is confirmed");
                Thread.sleep(200);
            }
        }
    }
}
