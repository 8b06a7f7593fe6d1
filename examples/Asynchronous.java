import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import jp.ad.sinet.stream.api.AsyncMessageReader;
import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** Sends a thousand messages without waiting for each. examples/asynchronous.rs does the same in Rust. */
public final class Asynchronous {
    private Asynchronous() {
    }

    public static void main(String[] args) throws InterruptedException {
        MessageReaderFactory<String> readers = MessageReaderFactory.<String>builder().service("asynchronous").build();
        MessageWriterFactory<String> writers = MessageWriterFactory.<String>builder().service("asynchronous").build();
        CountDownLatch read = new CountDownLatch(1000);
        try (AsyncMessageReader<String> reader = readers.getAsyncReader();
                AsyncMessageWriter<String> writer = writers.getAsyncWriter()) {
            reader.addOnMessageCallback(message -> read.countDown(), failure -> System.out.println("failed: " + failure));
            List<CompletableFuture<Void>> sent = new ArrayList<>();
            for (int number = 0; number < 1000; number++) {
                sent.add(writer.writeAsync("message " + number)); // blocks while the outbox is full
            }
            CompletableFuture.allOf(sent.toArray(new CompletableFuture<?>[0])).join();
            System.out.println("1000 messages are confirmed");
            boolean all = read.await(10, TimeUnit.SECONDS);
            System.out.println("read " + (all ? 1000 : 1000 - read.getCount()) + " messages");
        }
    }
}
