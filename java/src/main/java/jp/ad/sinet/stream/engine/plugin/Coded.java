package jp.ad.sinet.stream.engine.plugin;

import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.engine.boundary.Native;
import jp.ad.sinet.stream.utils.Timestamped;

/** A message in its encoding for a plugin, which is not counted yet. */
final class Coded {
    final Timestamped<byte[]> message;
    private final long handle;
    private final long[] sizes = new long[2];

    Coded(long handle, byte[] value, long timestamp) {
        this.handle = handle;
        message = new Timestamped<>(Native.encode(handle, value, timestamp, sizes), timestamp);
    }

    /** Counts the message, which the plugin has accepted. */
    void taken() {
        try {
            Native.count(handle, message.getValue().length, sizes[0], sizes[1]);
        } catch (SinetStreamException e) {
            // The client was closed meanwhile.
        }
    }
}
