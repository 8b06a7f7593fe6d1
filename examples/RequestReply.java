import java.nio.charset.StandardCharsets;
import java.time.Duration;

import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.WriteOptions;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/**
 * Sends a request over MQTT 5, with a response topic for the answer and correlation data to recognize it.
 * examples/request_reply.rs does the same in Rust.
 */
public final class RequestReply {
    private static final String ANSWERS = "examples/answers/java";

    private RequestReply() {
    }

    private static MessageReader<String> reader(String topic) {
        return MessageReaderFactory.<String>builder().service("requests").topic(topic).receiveTimeout(Duration.ofSeconds(10))
                .build().getReader();
    }

    private static MessageWriter<String> writer() {
        return MessageWriterFactory.<String>builder().service("requests").build().getWriter();
    }

    /** Answers one request. The same writer can answer any number of requests, whatever their response topics are. */
    private static void serve(MessageReader<String> requests, MessageWriter<String> answers) {
        Message<String> request = requests.read();
        if (request == null || request.getResponseTopic() == null) {
            return;
        }
        WriteOptions.Builder options = WriteOptions.builder().topic(request.getResponseTopic());
        if (request.getCorrelationData() != null) {
            options.correlationData(request.getCorrelationData());
        }
        answers.write(request.getValue().toUpperCase(), options.build());
    }

    public static void main(String[] args) throws InterruptedException {
        try (MessageReader<String> requests = reader("examples/requests"); MessageReader<String> answers = reader(ANSWERS);
                MessageWriter<String> asking = writer(); MessageWriter<String> answering = writer()) {
            Thread server = new Thread(() -> serve(requests, answering));
            server.start();
            WriteOptions options = WriteOptions.builder().responseTopic(ANSWERS)
                    .correlationData("request 1".getBytes(StandardCharsets.UTF_8)).build();
            asking.write("how are you", options);
            Message<String> answer = answers.read();
            String of = new String(answer.getCorrelationData(), StandardCharsets.UTF_8);
            System.out.println("answer to " + of + ": " + answer.getValue());
            server.join();
        }
    }
}
