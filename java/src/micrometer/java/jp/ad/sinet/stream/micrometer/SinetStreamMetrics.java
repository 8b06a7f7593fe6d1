package jp.ad.sinet.stream.micrometer;

import java.lang.ref.WeakReference;
import java.math.BigDecimal;
import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;
import java.util.function.ToLongFunction;
import java.util.logging.Logger;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.binder.MeterBinder;

import jp.ad.sinet.stream.api.AsyncMessageReader;
import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.Histogram;
import jp.ad.sinet.stream.api.MessageIO;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.Metrics;

/**
 * The meters of one writer or reader, blocking or asynchronous:
 * {@code new SinetStreamMetrics(writer).bindTo(registry)}. Each has the tags {@code service}, {@code topic},
 * {@code client.id} and {@code role} ({@code writer} or {@code reader}); what a client does not have is {@code none}. The meters ask the
 * client when they are asked themselves, and cost nothing else. They are removed from the registry when the client is closed or
 * collected as garbage, from which they do not keep it.
 */
public final class SinetStreamMetrics implements MeterBinder {
    private static final Logger LOGGER = Logger.getLogger("jp.ad.sinet.stream");
    private static final String NONE = "none";
    private static final String PREFIX = "sinetstream.";
    private static final String WRITE = PREFIX + "write";
    private static final String BYTES = "bytes";
    private static final String MESSAGES = "messages";
    private static final List<String> PERCENTILES = List.of("0.5", "0.95", "0.99");
    private static final int NANOS_DIGITS = 9;

    /** It is held while meters are added or removed, so that no client takes the meters of another one for new. */
    private static final Object LOCK = new Object();

    private final WeakReference<MessageIO> client;
    private final Tags tags;

    /**
     * Makes the meters of a client.
     *
     * @param client a writer or reader
     */
    public SinetStreamMetrics(MessageIO client) {
        this(client, Tags.empty());
    }

    /**
     * The same with further tags, which tell clients apart that have no client identifier.
     *
     * @param client a writer or reader
     * @param tags further tags of each meter
     */
    public SinetStreamMetrics(MessageIO client, Iterable<Tag> tags) {
        this.client = new WeakReference<>(Objects.requireNonNull(client, "client"));
        this.tags = Tags.of("service", text(client.getService()), "topic", text(client.getTopic()), "client.id",
                text(client.getClientId()), "role", isWriter(client) ? "writer" : isReader(client) ? "reader" : NONE).and(tags);
    }

    private static boolean isWriter(MessageIO client) {
        return client instanceof MessageWriter || client instanceof AsyncMessageWriter;
    }

    private static boolean isReader(MessageIO client) {
        return client instanceof MessageReader || client instanceof AsyncMessageReader;
    }

    private static String text(String text) {
        return text == null || text.isEmpty() ? NONE : text;
    }

    /**
     * Adds the meters to a registry, until the client is closed. If the meters would be those of another client, because both
     * have the same tags after the registry's filters, this client has no meters there, and the log has a warning. The filters
     * of the parts of a composite registry cannot be seen from outside; if they remove tags by which clients differ, bind the
     * client to each part.
     *
     * @param registry where they are shown
     */
    @Override
    public void bindTo(MeterRegistry registry) {
        MessageIO bound = client.get();
        if (bound == null) {
            return;
        }
        Binding binding = new Binding(registry, bound, tags);
        if (binding.add()) {
            bound.onClose(binding.end());
        } else {
            LOGGER.warning("this client gets no meters, because another client already has meters with the same tags in this registry, after"
                    + " the registry's filters; set a client_id, or other tags that the filters keep: " + tags);
        }
    }

    private static double connection(MessageIO client, String name) {
        Object info = client.getInfo("connection");
        Object value = info instanceof Map ? ((Map<?, ?>) info).get(name) : null;
        return value instanceof Number ? ((Number) value).doubleValue() : 0;
    }

    private static Set<Meter> identitySet(Collection<Meter> meters) {
        Set<Meter> set = Collections.newSetFromMap(new IdentityHashMap<>()); // meters with the same name and tags are equal
        set.addAll(meters);
        return set;
    }

    private static void remove(MeterRegistry registry, Set<Meter> meters) {
        synchronized (LOCK) {
            // The registry removes by name and tags, and the program may have replaced these meters by others.
            identitySet(registry.getMeters()).stream().filter(meters::contains).forEach(registry::remove);
        }
    }

    /** The meters of one client in one registry. */
    private static final class Binding {
        private final MeterRegistry registry;
        private final MessageIO client;
        private final Tags tags;
        private final Set<Meter> meters = identitySet(List.of());

        Binding(MeterRegistry registry, MessageIO client, Tags tags) {
            this.registry = registry;
            this.client = client;
            this.tags = tags;
        }

        /**
         * Adds all meters, or none if one of them is another client's. Only the registry knows that, because its filters change
         * names and tags: it returns the meter that it already has.
         *
         * @return whether the meters were added
         */
        boolean add() {
            synchronized (LOCK) {
                Set<Meter> others = identitySet(registry.getMeters());
                boolean areOwn = false;
                try {
                    addAll();
                    areOwn = Collections.disjoint(meters, others);
                } finally {
                    if (!areOwn) {
                        meters.removeAll(others);
                        remove(registry, meters);
                    }
                }
                return areOwn;
            }
        }

        /** Removes the meters; it does not refer to the client, to which they refer weakly. */
        Runnable end() {
            MeterRegistry from = registry;
            Set<Meter> all = meters;
            return () -> remove(from, all);
        }

        private void addAll() {
            common();
            if (isReader(client)) {
                inbox();
            } else {
                outbox();
                writeTimes();
            }
        }

        private void common() {
            counter(MESSAGES, null, "messages written and confirmed, or read", Metrics::getMsgCountTotal);
            counter(BYTES, BYTES, "bytes of these messages, without MQTT's own", Metrics::getMsgBytesTotal);
            counter("uncompressed.bytes", BYTES, "bytes of their values before compression", Metrics::getMsgUncompressedBytesTotal);
            counter("compressed.bytes", BYTES, "bytes of their values after compression", Metrics::getMsgCompressedBytesTotal);
            counter("errors", null, "writes that failed; messages that could not be decoded, and the end of a reader that was not closed",
                    Metrics::getErrorCountTotal);
            counterOfConnection("reconnects", "reconnects", "how often the connection came back");
            gauge("connected", null, "1 when there is a connection now, otherwise 0", each -> each.isConnected() ? 1 : 0);
        }

        private void outbox() {
            counterOfConnection("resent", "resent", "messages sent again after the connection came back");
            counterOfConnection("outbox.dropped", "outbox_dropped", "messages that the outbox on disk has given up");
            gaugeOfConnection("outbox.messages", "outbox_messages", MESSAGES, "messages written and not confirmed");
            gaugeOfConnection("outbox.bytes", "outbox_bytes", BYTES, "bytes of the messages written and not confirmed");
            gaugeOfConnection("in.flight", "in_flight", null, "messages sent and not confirmed");
            time("outbox.age", "how long the oldest message has been in the outbox on disk", TimeUnit.MILLISECONDS, tags,
                    each -> connection(each, "outbox_age_ms"));
        }

        private void inbox() {
            gaugeOfConnection("inbox.messages", "inbox_messages", MESSAGES, "messages received and not read, or not acknowledged");
            gaugeOfConnection("inbox.bytes", "inbox_bytes", BYTES, "bytes of the messages received and not read, or not acknowledged");
        }

        private void writeTimes() {
            meters.add(FunctionTimer.builder(WRITE, client, each -> times(each).getCount(), each -> times(each).getSumNanos(),
                    TimeUnit.NANOSECONDS).description("time from a write to the broker's confirmation").tags(tags).register(registry));
            time("write.max", "longest time from a write to the broker's confirmation", TimeUnit.NANOSECONDS, tags,
                    each -> times(each).getMaxNanos());
            for (String part : PERCENTILES) {
                double share = Double.parseDouble(part);
                time("write.percentile", "percentiles of the time from a write to the broker's confirmation, estimated",
                        TimeUnit.NANOSECONDS, tags.and("phi", part), each -> times(each).getQuantileNanos(share));
            }
            long[] bounds = client.getMetrics().getWriteTimes().getBoundsNanos();
            for (int i = 0; i < bounds.length; i++) {
                int last = i;
                String bound = bounds[i] == Histogram.UNBOUNDED ? "+Inf" : BigDecimal.valueOf(bounds[i], NANOS_DIGITS).stripTrailingZeros().toPlainString();
                meters.add(FunctionCounter.builder(WRITE + ".histogram", client, each -> upTo(last, times(each).getCounts()))
                        .description("writes by the time to the broker's confirmation: those of up to so many seconds")
                        .tags(tags.and("le", bound)).register(registry));
            }
        }

        private static Histogram times(MessageIO client) {
            return client.getMetrics().getWriteTimes();
        }

        private static double upTo(int last, long[] counts) {
            double sum = 0;
            for (int i = 0; i <= last && i < counts.length; i++) {
                sum += counts[i];
            }
            return sum;
        }

        private void counter(String name, String unit, String description, ToLongFunction<Metrics> counter) {
            meters.add(FunctionCounter.builder(PREFIX + name, client, each -> counter.applyAsLong(each.getMetrics()))
                    .description(description).baseUnit(unit).tags(tags).register(registry));
        }

        private void counterOfConnection(String name, String key, String description) {
            meters.add(FunctionCounter.builder(PREFIX + name, client, each -> connection(each, key)).description(description).tags(tags)
                    .register(registry));
        }

        private void gauge(String name, String unit, String description, ToDoubleFunction<MessageIO> value) {
            meters.add(Gauge.builder(PREFIX + name, client, value).description(description).baseUnit(unit).tags(tags)
                    .register(registry));
        }

        private void gaugeOfConnection(String name, String key, String unit, String description) {
            gauge(name, unit, description, each -> connection(each, key));
        }

        private void time(String name, String description, TimeUnit unit, Tags all, ToDoubleFunction<MessageIO> value) {
            meters.add(TimeGauge.builder(PREFIX + name, client, unit, value).description(description).tags(all).register(registry));
        }
    }
}
