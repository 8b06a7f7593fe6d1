import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;

import jp.ad.sinet.stream.api.AsyncMessageReader;
import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.ConnectionListener;
import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** This library. */
final class SinetStreamClient implements Client {
    @Override
    public AsyncWriter asyncWriter(Target target) {
        AsyncMessageWriter<byte[]> writer = writers(target).getAsyncWriter();
        return new AsyncWriter() {
            @Override
            public void write(byte[] value, Consumer<Throwable> done) {
                writer.write(value).done(result -> done.accept(null)).fail(done::accept);
            }

            @Override
            public void close() {
                writer.close();
            }
        };
    }

    @Override
    public BlockingWriter blockingWriter(Target target) {
        MessageWriter<byte[]> writer = writers(target).getWriter();
        return new BlockingWriter() {
            @Override
            public void write(byte[] value) {
                writer.write(value);
            }

            @Override
            public void close() {
                writer.close();
            }
        };
    }

    @Override
    public AutoCloseable callbackReader(Target target, Consumer<byte[]> messages, Consumer<Throwable> errors) {
        AsyncMessageReader<byte[]> reader = readers(target).getAsyncReader();
        reader.addOnMessageCallback(message -> messages.accept(message.getValue()), errors::accept);
        return reader::close;
    }

    @Override
    public BlockingReader blockingReader(Target target) {
        MessageReader<byte[]> reader = readers(target).getReader();
        return new BlockingReader() {
            @Override
            public byte[] read() {
                Message<byte[]> message = reader.read();
                return message == null ? null : message.getValue();
            }

            @Override
            public void close() {
                reader.close();
            }
        };
    }

    private static MessageWriterFactory<byte[]> writers(Target target) {
        return MessageWriterFactory.<byte[]>builder().noConfig(true).type("mqtt")
                .topic(target.topic).consistency(Consistency.valueOf(target.qos))
                .parameters(parameters(target)).connectionListener(listener(target.presence)).build();
    }

    private static MessageReaderFactory<byte[]> readers(Target target) {
        return MessageReaderFactory.<byte[]>builder().noConfig(true).type("mqtt")
                .topic(target.topic).consistency(Consistency.valueOf(target.qos))
                .receiveTimeout(Duration.ofMillis(500))
                .parameters(parameters(target)).connectionListener(listener(target.presence)).build();
    }

    private static ConnectionListener listener(Presence presence) {
        if (presence == null) return null;
        return event -> {
            switch (event.getType()) {
                case CONNECTED:
                    presence.connected();
                    break;
                case LOST:
                case ENDED:
                    presence.lost();
                    break;
                default:
            }
        };
    }

    private static Map<String, Object> parameters(Target target) {
        Map<String, Object> parameters = new HashMap<>();
        parameters.put("brokers", target.host + ":" + target.port);
        if (target.authority != null) parameters.put("tls", Map.of("ca_certs", target.authority));
        if (target.user != null) {
            parameters.put("username_pw", Map.of("username", target.user, "password", target.password));
        }
        if (target.directory != null) {
            parameters.put("client_id", target.clientId());
            parameters.put("outbox", Map.of("directory", target.directory, "accept", target.accept,
                    "sync", target.isSynced ? "always" : "never"));
        }
        return parameters;
    }
}
