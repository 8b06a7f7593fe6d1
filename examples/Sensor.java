import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/**
 * A sensor that writes five values a second, whatever happens to the broker meanwhile. examples/sensor.rs does the same in
 * Rust.
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
                // Waits while the broker is away, and sends again what it has not confirmed.
                writer.write("value " + number);
                System.out.println("value " + number + " is confirmed");
                Thread.sleep(200);
            }
        }
    }
}
