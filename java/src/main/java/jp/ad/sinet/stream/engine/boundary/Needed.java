package jp.ad.sinet.stream.engine.boundary;

import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

import jp.ad.sinet.stream.api.ConnectionEvent;
import jp.ad.sinet.stream.api.Message;
import jp.ad.sinet.stream.api.Metrics;
import jp.ad.sinet.stream.api.PublishPacket;
import jp.ad.sinet.stream.api.WriteOptions;
import jp.ad.sinet.stream.utils.Pair;

/**
 * The classes that a client which is open may need for the first time when something goes wrong, or at its end. They are
 * loaded together with {@link Native}: an application server may have closed the class loader by then, or replaced its jar.
 */
final class Needed {
    private static final Class<?>[] CLASSES = {
        Bytes.class, Bytes.Cached.class, ConnectionEvent.class, ConnectionEvent.Type.class, Message.class,
        MessageOptions.class, Metrics.class, Packed.class, PackedEvents.class, Pair.class, PublishPacket.class, Returned.class,
        Snapshot.class, Timestamps.class, Tree.class, WriteOptions.class
    };

    private Needed() {
    }

    /** For the test of what a native image is told: each is looked up by its name. */
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
