package jp.ad.sinet.stream.engine.boundary;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

import jp.ad.sinet.stream.api.ConnectionEvent;
import jp.ad.sinet.stream.api.Histogram;
import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.Metrics;
import jp.ad.sinet.stream.api.PublishPacket;
import jp.ad.sinet.stream.api.WriteOptions;
import jp.ad.sinet.stream.utils.Pair;

/**
 * The classes that an open client may need for the first time when something fails, or when it closes. They are loaded
 * together with {@link Native}: by then an application server may have closed the class loader, or replaced its jar.
 */
final class Needed {
    private static final Class<?>[] CLASSES = {
        Bytes.class, Bytes.Cached.class, ConnectionEvent.class, ConnectionEvent.Type.class, Histogram.class,
        Message.class, MessageOptions.class, Metrics.class, Packed.class, PackedEvents.class, Pair.class, PublishPacket.class,
        Returned.class, Snapshot.class, Timestamps.class, Tree.class, WriteOptions.class
    };

    private Needed() {
    }

    /** Returns the names of the classes for the test of the native image configuration, since each is looked up by its name. */
    static List<String> names() {
        return Arrays.stream(CLASSES).map(Class::getName).collect(Collectors.toList());
    }

    static void load() {
        try {
            for (Class<?> each : CLASSES) {
                Class.forName(each.getName(), true, each.getClassLoader());
            }
        } catch (ClassNotFoundException e) {
            throw new LinkageError(e.getMessage(), e);
        }
        Errors.rehearse();
    }
}
