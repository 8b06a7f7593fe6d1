package kafkaplugin;

import java.util.concurrent.ExecutionException;

import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.api.SinetStreamIOException.Delivery;
import jp.ad.sinet.stream.api.SinetStreamIOException.Reason;
import jp.ad.sinet.stream.spi.PluginMessageWriter;
import jp.ad.sinet.stream.spi.WriterParameters;
import jp.ad.sinet.stream.utils.Timestamped;

/** Sends messages, and waits for each confirmation. */
final class KafkaWriter extends KafkaSending implements PluginMessageWriter {
    KafkaWriter(WriterParameters parameters) {
        super(parameters);
    }

    @Override
    public void write(Timestamped<byte[]> message) {
        try {
            send(message, null).get();
        } catch (ExecutionException e) {
            throw failure(e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new SinetStreamIOException("interrupted while Kafka was to confirm", e)
                    .with(Reason.INTERRUPTED, Delivery.UNKNOWN);
        }
    }

    @Override
    public boolean isThreadSafe() {
        return true;
    }
}
