package jp.ad.sinet.stream.engine.client;

import jp.ad.sinet.stream.api.SinetStreamException;

/** Hears how a message ended. */
public interface Outcome {
    /**
     * Called once.
     *
     * @param failure null: it was delivered
     */
    void settle(SinetStreamException failure);
}
