package jp.ad.sinet.stream.engine.client;

import jp.ad.sinet.stream.api.SinetStreamException;

/** The receiver of a message's outcome. */
public interface Outcome {
    /**
     * Reports the outcome. Called once.
     *
     * @param failure null when the message was delivered
     */
    void settle(SinetStreamException failure);
}
