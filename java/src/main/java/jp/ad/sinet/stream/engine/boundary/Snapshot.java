package jp.ad.sinet.stream.engine.boundary;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

import jp.ad.sinet.stream.api.Histogram;
import jp.ad.sinet.stream.api.Metrics;

/** The counters of a client and the state of its connection at one time. */
public final class Snapshot {
    private static final String CONNECTION = "connection";
    private static final String[] NUMBERS = {
        "reconnects", "resent", "outbox_messages", "outbox_bytes", "outbox_age_ms", "outbox_dropped", "in_flight",
        "inbox_messages", "inbox_bytes"
    };

    private final long[] counters;
    private final Map<String, Object> connection;

    /** Makes a snapshot from the arrays of {@link Native#metrics} and {@link Native#info}. */
    Snapshot(long[] counters, long[] info) {
        this.counters = counters;
        this.connection = connection(isConnected(info), info);
    }

    private Snapshot(long[] counters, Map<String, Object> connection) {
        this.counters = counters;
        this.connection = connection;
    }

    /** Reads the connection from an array of {@link Native#info}. */
    public static boolean isConnected(long[] info) {
        return info[0] != 0;
    }

    public static Snapshot of(long handle) {
        return new Snapshot(Native.metrics(handle), Native.info(handle));
    }

    private static Map<String, Object> connection(boolean connected, long[] info) {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("connected", connected);
        for (int i = 0; i < NUMBERS.length; i++) {
            map.put(NUMBERS[i], info[i + 1]);
        }
        return Collections.unmodifiableMap(map);
    }

    /** Returns a copy without the connection, which does not outlive the client. */
    public Snapshot disconnected() {
        Map<String, Object> map = new LinkedHashMap<>(connection);
        map.put("connected", false);
        return new Snapshot(counters, Collections.unmodifiableMap(map));
    }

    public Metrics metrics() {
        Metrics metrics = metrics(counters);
        metrics.setRaw(connection);
        return metrics;
    }

    /** Reads the metrics from an array of {@link Native#metrics}. */
    public static Metrics metrics(long[] counters) {
        int i = 0;
        Metrics metrics = new Metrics();
        metrics.setStartTimeMillis(counters[i++]);
        metrics.setEndTimeMillis(counters[i++]);
        metrics.setMsgCountTotal(counters[i++]);
        metrics.setMsgUncompressedBytesTotal(counters[i++]);
        metrics.setMsgCompressedBytesTotal(counters[i++]);
        metrics.setMsgBytesTotal(counters[i++]);
        metrics.setMsgSizeMin(counters[i++]);
        metrics.setMsgSizeMax(counters[i++]);
        metrics.setErrorCountTotal(counters[i++]);
        metrics.setWriteTimes(histogram(counters, i));
        return metrics;
    }

    /** Reads the sum, the longest time, and for each bucket its bound and its count. */
    private static Histogram histogram(long[] counters, int from) {
        int buckets = from + 2;
        long[] bounds = new long[(counters.length - buckets) / 2];
        long[] counts = new long[bounds.length];
        for (int i = 0; i < bounds.length; i++) {
            bounds[i] = counters[buckets + 2 * i];
            counts[i] = counters[buckets + 2 * i + 1];
        }
        return new Histogram(bounds, counts, counters[from], counters[from + 1]);
    }

    /** Implements {@link jp.ad.sinet.stream.api.MessageIO#getInfo(String)}. */
    public Object info(String path) {
        if (path == null || path.isEmpty()) {
            return Collections.singletonMap(CONNECTION, connection);
        } else if (path.equals(CONNECTION)) {
            return connection;
        }
        return path.startsWith(CONNECTION + ".") ? connection.get(path.substring(CONNECTION.length() + 1)) : null;
    }
}
