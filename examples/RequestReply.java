import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;

import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.PublishPacket;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** A request over MQTT 5 says where the answer goes, and which one it is. examples/request_reply.rs does the same in Rust. */
public final class RequestReply {
    private static final String ANSWERS = "examples/answers/java";

    private RequestReply() {
    }

    private static MessageReader<String> reader(String topic) {
        return MessageReaderFactory.<String>builder().service("requests").topic(topic).receiveTimeout(Duration.ofSeconds(10))
                .build().getReader();
    }

    private static MessageWriter<String> writer(String topic, Map<String, Object> properties) {
        return MessageWriterFactory.<String>builder().service("requests").topic(topic)
                .parameter("message_properties", properties).build().getWriter();
    }

    /** Answers one request. */
    private static void serve(MessageReader<String> requests) {
        Message<String> request = requests.read();
        PublishPacket packet = (PublishPacket) request.getRaw();
        try (MessageWriter<String> answers = writer(packet.getResponseTopic(),
                Map.of("correlation_data", packet.getCorrelationData()))) {
            answers.write(request.getValue().toUpperCase());
        }
    }

    public static void main(String[] args) throws InterruptedException {
        try (MessageReader<String> requests = reader("examples/requests"); MessageReader<String> answers = reader(ANSWERS);
                MessageWriter<String> writer = writer("examples/requests", Map.of("response_topic", ANSWERS,
                        "correlation_data", "request 1".getBytes(StandardCharsets.UTF_8)))) {
            Thread server = new Thread(() -> serve(requests));
            server.start();
            writer.write("how are you");
            Message<String> answer = answers.read();
            String of = new String(((PublishPacket) answer.getRaw()).getCorrelationData(), StandardCharsets.UTF_8);
            System.out.println("answer to " + of + ": " + answer.getValue());
            server.join();
        }
    }
}
