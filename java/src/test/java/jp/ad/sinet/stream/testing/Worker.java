package jp.ad.sinet.stream.testing;

import java.util.Map;
import java.util.Random;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.locks.LockSupport;

import jp.ad.sinet.stream.api.Acknowledge;
import jp.ad.sinet.stream.api.AsyncMessageReader;
import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.utils.MessageReaderFactory.MessageReaderFactoryBuilder;

/** A process that tests kill. It prints each message that it has processed just before it acknowledges the message. */
public final class Worker {
    private static final int THREADS = 3;
    private static final Random RANDOM = new Random();

    private Worker() {
    }

    /** Returns a reader whose session outlives it, and that reconnects at once. */
    public static MessageReaderFactoryBuilder<String> builder(String broker, String topic, String clientId) {
        return Clients.textReader(broker, topic).clientId(clientId).consistency(Consistency.AT_LEAST_ONCE)
                .acknowledge(Acknowledge.PROCESSED).parameter("clean_session", false)
                .parameter("reconnect_delay", Map.of("min_delay", 0.02, "max_delay", 0.1));
    }

    /** Runs with the arguments broker, topic, client identifier, and {@code threads}, {@code callbacks} or {@code manual}. */
    public static void main(String[] arguments) {
        MessageReaderFactoryBuilder<String> builder = builder(arguments[0], arguments[1], arguments[2]);
        ExecutorService threads = Executors.newFixedThreadPool(THREADS);
        if (arguments[3].equals("threads")) {
            MessageReader<String> reader = builder.build().getReader();
            tell("ready");
            while (true) {
                Message<String> message = reader.read();
                if (message != null) {
                    threads.execute(() -> {
                        process(message);
                        reader.acknowledge(message);
                    });
                }
            }
        }
        boolean manual = arguments[3].equals("manual");
        AsyncMessageReader<String> reader = builder.acknowledge(manual ? Acknowledge.MANUAL : Acknowledge.PROCESSED).build()
                .getAsyncReader();
        tell("ready");
        reader.addOnMessageCallback(manual ? message -> threads.execute(() -> {
            process(message);
            reader.acknowledge(message);
        }) : Worker::process);
    }

    private static void process(Message<String> message) {
        LockSupport.parkNanos(RANDOM.nextInt(500_000));
        tell("processed " + message.getValue());
    }

    private static synchronized void tell(String line) {
        System.out.println(line);
        System.out.flush();
    }
}
