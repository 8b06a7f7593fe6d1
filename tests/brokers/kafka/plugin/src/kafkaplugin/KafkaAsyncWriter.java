package kafkaplugin;

import org.jdeferred2.Promise;
import org.jdeferred2.impl.DeferredObject;

import jp.ad.sinet.stream.spi.PluginAsyncMessageWriter;
import jp.ad.sinet.stream.spi.WriterParameters;
import jp.ad.sinet.stream.utils.Timestamped;

/** Sends by Kafka's client, which works in the background and reports the outcome. */
final class KafkaAsyncWriter extends KafkaSending implements PluginAsyncMessageWriter {
    KafkaAsyncWriter(WriterParameters parameters) {
        super(parameters);
    }

    @Override
    public Promise<?, ? extends Throwable, ?> write(Timestamped<byte[]> message) {
        DeferredObject<Void, Throwable, Void> end = new DeferredObject<>();
        send(message, (metadata, failure) -> {
            if (failure == null) {
                end.resolve(null);
            } else {
                end.reject(failure(failure));
            }
        });
        return end.promise();
    }
}
