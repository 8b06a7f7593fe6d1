package memory;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.spi.MessageReaderProvider;
import jp.ad.sinet.stream.spi.MessageWriterProvider;
import jp.ad.sinet.stream.spi.PluginMessageReader;
import jp.ad.sinet.stream.spi.PluginMessageWrapper;
import jp.ad.sinet.stream.spi.PluginMessageWriter;
import jp.ad.sinet.stream.spi.ReaderParameters;
import jp.ad.sinet.stream.spi.WriterParameters;
import jp.ad.sinet.stream.utils.Timestamped;

/** Provides {@code type: memory}: one queue in this JVM. */
public final class Memory implements MessageWriterProvider, MessageReaderProvider {
    private static final BlockingQueue<Timestamped<byte[]>> QUEUE = new LinkedBlockingQueue<>();

    @Override
    public String getType() {
        return "memory";
    }

    @Override
    public PluginMessageWriter getWriter(WriterParameters parameters) {
        return new PluginMessageWriter() {
            @Override
            public void write(Timestamped<byte[]> message) {
                QUEUE.add(message);
            }

            @Override
            public String getTopic() {
                return parameters.getTopic();
            }

            @Override
            public void close() {
            }

            @Override
            public Map<String, Object> getConfig() {
                return parameters.getConfig();
            }

            @Override
            public Consistency getConsistency() {
                return parameters.getConsistency();
            }

            @Override
            public String getClientId() {
                return null;
            }
        };
    }

    @Override
    public PluginMessageReader getReader(ReaderParameters parameters) {
        return new PluginMessageReader() {
            @Override
            public PluginMessageWrapper read() {
                Timestamped<byte[]> message;
                try {
                    message = QUEUE.poll(10, TimeUnit.SECONDS);
                } catch (InterruptedException e) {
                    return null;
                }
                return message == null ? null : new PluginMessageWrapper() {
                    @Override
                    public Timestamped<byte[]> getValue() {
                        return message;
                    }

                    @Override
                    public String getTopic() {
                        return "memory";
                    }

                    @Override
                    public Object getRaw() {
                        return null;
                    }
                };
            }

            @Override
            public List<String> getTopics() {
                return parameters.getTopics();
            }

            @Override
            public Duration getReceiveTimeout() {
                return parameters.getReceiveTimeout();
            }

            @Override
            public void close() {
            }

            @Override
            public Map<String, Object> getConfig() {
                return parameters.getConfig();
            }

            @Override
            public Consistency getConsistency() {
                return parameters.getConsistency();
            }

            @Override
            public String getClientId() {
                return null;
            }
        };
    }
}
