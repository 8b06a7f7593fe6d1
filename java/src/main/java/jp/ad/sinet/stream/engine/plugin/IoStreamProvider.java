package jp.ad.sinet.stream.engine.plugin;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Map;

import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.spi.MessageReaderProvider;
import jp.ad.sinet.stream.spi.MessageWriterProvider;
import jp.ad.sinet.stream.spi.PluginMessageIO;
import jp.ad.sinet.stream.spi.PluginMessageReader;
import jp.ad.sinet.stream.spi.PluginMessageWrapper;
import jp.ad.sinet.stream.spi.PluginMessageWriter;
import jp.ad.sinet.stream.spi.ReaderParameters;
import jp.ad.sinet.stream.spi.SinetStreamParameters;
import jp.ad.sinet.stream.spi.WriterParameters;
import jp.ad.sinet.stream.utils.Timestamped;

/**
 * The type {@code iostream}: a writer writes the bytes of messages to a stream, and a reader takes a whole stream as one
 * message. There is no separator between messages, so a stream that was written can be read back only if it was one message.
 */
public final class IoStreamProvider implements MessageWriterProvider, MessageReaderProvider {
    private static final String NAME = "iostream";

    /** Makes a provider. */
    public IoStreamProvider() {
    }

    @Override
    public String getType() {
        return NAME;
    }

    @Override
    public PluginMessageWriter getWriter(WriterParameters parameters) {
        return new Writer(parameters, parameter(parameters, "output_stream", OutputStream.class));
    }

    @Override
    public PluginMessageReader getReader(ReaderParameters parameters) {
        Object bytes = parameters(parameters).get("input_byte_array");
        InputStream in = bytes instanceof byte[] ? new ByteArrayInputStream((byte[]) bytes)
                : parameter(parameters, "input_stream", InputStream.class);
        return new Reader(parameters, in);
    }

    private static Map<?, ?> parameters(SinetStreamParameters parameters) {
        Object own = parameters.getConfig().get(NAME);
        return own instanceof Map ? (Map<?, ?>) own : Collections.emptyMap();
    }

    private static <S> S parameter(SinetStreamParameters parameters, String name, Class<S> type) {
        Object found = parameters(parameters).get(name);
        if (!type.isInstance(found)) {
            throw new InvalidConfigurationException("builder: parameter '" + NAME + "." + name + "': expected a "
                    + type.getName() + (found == null ? ", which is missing" : ", found a " + found.getClass().getName()));
        }
        return type.cast(found);
    }

    private abstract static class Both implements PluginMessageIO {
        private final SinetStreamParameters parameters;
        private final AutoCloseable stream;

        Both(SinetStreamParameters parameters, AutoCloseable stream) {
            this.parameters = parameters;
            this.stream = stream;
        }

        @Override
        public void close() {
            try {
                stream.close();
            } catch (Exception e) {
                throw new SinetStreamIOException("the stream can't be closed: " + e.getMessage(), e);
            }
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
    }

    private static final class Writer extends Both implements PluginMessageWriter {
        private final OutputStream out;

        Writer(WriterParameters parameters, OutputStream out) {
            super(parameters, out);
            this.out = out;
        }

        @Override
        public void write(Timestamped<byte[]> message) {
            try {
                out.write(message.getValue());
                out.flush();
            } catch (IOException e) {
                throw new SinetStreamIOException("the stream can't be written: " + e.getMessage(), e);
            }
        }

        @Override
        public String getTopic() {
            return null;
        }
    }

    private static final class Reader extends Both implements PluginMessageReader {
        private final InputStream in;
        private final Duration timeout;

        Reader(ReaderParameters parameters, InputStream in) {
            super(parameters, in);
            this.in = in;
            timeout = parameters.getReceiveTimeout();
        }

        @Override
        public PluginMessageWrapper read() {
            byte[] bytes;
            try {
                bytes = in.readAllBytes();
            } catch (IOException e) {
                throw new SinetStreamIOException("the stream can't be read: " + e.getMessage(), e);
            }
            return bytes.length == 0 ? null : new Whole(bytes);
        }

        @Override
        public List<String> getTopics() {
            return Collections.emptyList();
        }

        @Override
        public Duration getReceiveTimeout() {
            return timeout;
        }
    }

    private static final class Whole implements PluginMessageWrapper {
        private final byte[] bytes;

        Whole(byte[] bytes) {
            this.bytes = bytes;
        }

        @Override
        public Timestamped<byte[]> getValue() {
            return new Timestamped<>(bytes);
        }

        @Override
        public String getTopic() {
            return null;
        }

        @Override
        public Object getRaw() {
            return null;
        }
    }
}
