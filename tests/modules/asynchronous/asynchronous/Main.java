package asynchronous;

import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** An asynchronous writer, which is registered in JMX and returns promises. */
public final class Main {
    public static void main(String[] arguments) throws InterruptedException {
        try (AsyncMessageWriter<byte[]> writer = MessageWriterFactory.<byte[]>builder().noConfig(true).jmx(true)
                .parameter("type", "mqtt").parameter("brokers", arguments[0]).parameter("topic", "modules/" + arguments[1])
                .parameter("consistency", "AT_LEAST_ONCE").build().getAsyncWriter()) {
            writer.write(new byte[1]).done(nothing -> System.out.println("done")).waitSafely();
        }
    }
}
