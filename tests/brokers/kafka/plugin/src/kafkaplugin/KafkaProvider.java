package kafkaplugin;

import jp.ad.sinet.stream.spi.AsyncMessageWriterProvider;
import jp.ad.sinet.stream.spi.MessageReaderProvider;
import jp.ad.sinet.stream.spi.MessageWriterProvider;
import jp.ad.sinet.stream.spi.PluginAsyncMessageWriter;
import jp.ad.sinet.stream.spi.PluginMessageReader;
import jp.ad.sinet.stream.spi.PluginMessageWriter;
import jp.ad.sinet.stream.spi.ReaderParameters;
import jp.ad.sinet.stream.spi.WriterParameters;

/** Provides {@code type: kafka}. An asynchronous reader uses the blocking one, on a thread of the library's. */
public final class KafkaProvider implements MessageWriterProvider, MessageReaderProvider, AsyncMessageWriterProvider {
    @Override
    public String getType() {
        return "kafka";
    }

    @Override
    public PluginMessageWriter getWriter(WriterParameters parameters) {
        return new KafkaWriter(parameters);
    }

    @Override
    public PluginAsyncMessageWriter getAsyncWriter(WriterParameters parameters) {
        return new KafkaAsyncWriter(parameters);
    }

    @Override
    public PluginMessageReader getReader(ReaderParameters parameters) {
        return new KafkaReader(parameters);
    }
}
