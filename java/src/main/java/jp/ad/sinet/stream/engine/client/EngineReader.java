package jp.ad.sinet.stream.engine.client;

import java.lang.ref.Reference;
import java.util.List;

import jp.ad.sinet.stream.api.Message;

/**
 * The common part of both readers with the engine's own connection.
 *
 * @param <T> the type of the values
 */
abstract class EngineReader<T> extends EngineClient {
    final Acknowledgements acknowledgements;

    EngineReader(Opened<?> opened) {
        super(opened);
        acknowledgements = new Acknowledgements(handle, description);
    }

    public final String getTopic() {
        return String.join(",", description.topics);
    }

    public final List<String> getTopics() {
        return description.topics;
    }

    public final void acknowledge(Message<T> message) {
        try {
            acknowledgements.acknowledge(message);
        } finally {
            Reference.reachabilityFence(this);
        }
    }
}
