package jp.ad.sinet.stream.micrometer;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

import io.micrometer.core.instrument.FunctionTimer;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.config.MeterFilter;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;

import jp.ad.sinet.stream.api.AsyncMessageReader;
import jp.ad.sinet.stream.api.AsyncMessageWriter;
import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.MessageIO;
import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.LogCapture;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Yaml;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** What registries of Micrometer show of clients. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class SinetStreamMetricsTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    @TempDir
    Path directory;

    private final String topic = Clients.topic();

    private MessageWriter<String> writer(String id) {
        return Clients.textWriter(BROKER.open(), topic).clientId(id).consistency(Consistency.AT_LEAST_ONCE).build().getWriter();
    }

    private static double counter(MeterRegistry registry, String name, String... tags) {
        return registry.get("sinetstream." + name).tags(tags).functionCounter().count();
    }

    private static double gauge(MeterRegistry registry, String name, String... tags) {
        return registry.get("sinetstream." + name).tags(tags).gauge().value();
    }

    @Test
    void everyKindOfClientHasItsMetersUntilItIsClosed() throws IOException {
        SimpleMeterRegistry registry = new SimpleMeterRegistry();
        Path file = Yaml.service(directory, 3, "my service", Map.of("type", "mqtt", "brokers", BROKER.open(), "topic", topic,
                "value_type", "text"));
        try (MessageReader<String> reader = Clients.textReader(BROKER.open(), topic).clientId("r").build().getReader();
                AsyncMessageReader<String> asyncReader = Clients.textReader(BROKER.open(), topic).clientId("ar").build().getAsyncReader();
                MessageWriter<String> writer = MessageWriterFactory.<String>builder().configFile(file).clientId("w")
                        .consistency(Consistency.AT_LEAST_ONCE).build().getWriter();
                AsyncMessageWriter<String> asyncWriter = Clients.textWriter(BROKER.open(), topic).clientId("aw").build()
                        .getAsyncWriter()) {
            for (MessageIO each : List.of(reader, asyncReader, writer, asyncWriter)) {
                new SinetStreamMetrics(each).bindTo(registry);
            }
            writer.write("one");
            writer.write("two");
            String[] ofWriter = {"service", "my service", "topic", topic, "client.id", "w", "role", "writer"};
            assertEquals(2, counter(registry, "messages", ofWriter));
            assertEquals(6, counter(registry, "uncompressed.bytes", ofWriter));
            assertTrue(counter(registry, "bytes", ofWriter) > 40);
            assertEquals(0, counter(registry, "errors", ofWriter));
            assertEquals(1, gauge(registry, "connected", ofWriter));
            FunctionTimer timer = registry.get("sinetstream.write").tags(ofWriter).functionTimer();
            double sum = timer.totalTime(TimeUnit.SECONDS);
            assertEquals(2, timer.count());
            assertTrue(0 < sum && sum < 60, String.valueOf(sum));
            double max = registry.get("sinetstream.write.max").tags(ofWriter).timeGauge().value(TimeUnit.SECONDS);
            double half = registry.get("sinetstream.write.percentile").tags(ofWriter).tag("phi", "0.5").timeGauge()
                    .value(TimeUnit.SECONDS);
            assertTrue(0 < half && half <= max && max < sum, half + " " + max + " " + sum);
            assertEquals(2, counter(registry, "write.histogram", Stream.concat(Stream.of(ofWriter), Stream.of("le", "+Inf"))
                    .toArray(String[]::new)));
            String[] ofReader = {"service", "none", "topic", topic, "client.id", "ar", "role", "reader"};
            Await.until("they wait", () -> gauge(registry, "inbox.messages", ofReader) == 2);
            assertEquals(0, counter(registry, "messages", "client.id", "aw", "role", "writer"));
            assertEquals(1, gauge(registry, "connected", "client.id", "r", "role", "reader"));
        }
        assertEquals(List.of(), registry.getMeters());
    }

    @Test
    void theMetersOfAClientThatIsForgottenAreRemoved() {
        SimpleMeterRegistry registry = new SimpleMeterRegistry();
        try (LogCapture log = new LogCapture()) {
            SinetStreamMetrics kept = new SinetStreamMetrics(writer("forgotten"));
            kept.bindTo(registry);
            assertTrue(registry.getMeters().size() > 10);
            Await.until("the cleaner", () -> {
                System.gc();
                return registry.getMeters().isEmpty() && !log.warnings().isEmpty();
            });
            kept.bindTo(registry);
            assertEquals(List.of(), registry.getMeters());
        }
    }

    @Test
    void aClientThatIsClosedAlreadyHasNoMeters() {
        SimpleMeterRegistry registry = new SimpleMeterRegistry();
        MessageWriter<String> writer = writer("closed");
        writer.close();
        new SinetStreamMetrics(writer).bindTo(registry);
        assertEquals(List.of(), registry.getMeters());
    }

    @Test
    void clientsThatCanNotBeToldApartAreToldAndDoNotTakeEachOthersMeters() {
        SimpleMeterRegistry registry = new SimpleMeterRegistry();
        try (LogCapture log = new LogCapture(); MessageIO first = plugged()) {
            new SinetStreamMetrics(first).bindTo(registry);
            int meters = registry.getMeters().size();
            try (MessageIO second = plugged()) {
                new SinetStreamMetrics(second).bindTo(registry);
                assertEquals(meters, registry.getMeters().size());
                assertTrue(log.warnings().get(0).contains("client_id"), log.warnings()::toString);
                new SinetStreamMetrics(second, Tags.of("number", "2")).bindTo(registry);
                assertEquals(2 * meters, registry.getMeters().size());
            }
            assertEquals(meters, registry.getMeters().size());
            assertEquals("none", registry.get("sinetstream.connected").gauge().getId().getTag("client.id"));
        }
    }

    /** A filter may remove the tag by which clients differ. */
    @Test
    void clientsThatAFilterMakesEqualDoNotTakeEachOthersMeters() {
        SimpleMeterRegistry registry = new SimpleMeterRegistry();
        registry.config().meterFilter(MeterFilter.ignoreTags("client.id"));
        try (LogCapture log = new LogCapture(); MessageWriter<String> first = writer("first")) {
            new SinetStreamMetrics(first).bindTo(registry);
            Set<Meter> ofFirst = identities(registry);
            assertEquals(List.of(), log.warnings());
            try (MessageWriter<String> second = writer("second")) {
                new SinetStreamMetrics(second).bindTo(registry);
                assertEquals(1, log.warnings().size(), log.warnings()::toString);
                assertTrue(log.warnings().get(0).contains("filters"), log.warnings()::toString);
            }
            assertEquals(ofFirst, identities(registry));
            first.write("hello");
            assertEquals(1, counter(registry, "messages"));
        }
        assertEquals(List.of(), registry.getMeters());
    }

    /** Some meters of a reader have the names of a writer's; if they are the writer's, the reader does not get the others either. */
    @Test
    void aClientHasAllOfItsMetersOrNone() {
        SimpleMeterRegistry registry = new SimpleMeterRegistry();
        registry.config().meterFilter(MeterFilter.ignoreTags("client.id", "role"));
        try (LogCapture log = new LogCapture(); MessageWriter<String> writer = writer("w")) {
            new SinetStreamMetrics(writer).bindTo(registry);
            Set<Meter> ofWriter = identities(registry);
            try (MessageReader<String> reader = Clients.textReader(BROKER.open(), topic).clientId("r").build().getReader()) {
                new SinetStreamMetrics(reader).bindTo(registry);
                assertEquals(ofWriter, identities(registry));
                assertEquals(1, log.warnings().size(), log.warnings()::toString);
            }
            assertEquals(ofWriter, identities(registry));
        }
    }

    @Test
    void aClientWithFewerTagsThanAnotherHasItsMeters() {
        SimpleMeterRegistry registry = new SimpleMeterRegistry();
        try (LogCapture log = new LogCapture(); MessageIO first = plugged()) {
            new SinetStreamMetrics(first, Tags.of("number", "1")).bindTo(registry);
            Set<Meter> ofFirst = identities(registry);
            try (MessageIO second = plugged()) {
                new SinetStreamMetrics(second).bindTo(registry);
                assertEquals(2 * ofFirst.size(), registry.getMeters().size());
            }
            assertEquals(ofFirst, identities(registry));
            assertEquals(List.of(), log.warnings());
        }
    }

    /** A program may empty its registry; meters with the same tags that are added later belong to another client. */
    @Test
    void aClientRemovesOnlyMetersOfItsOwn() {
        SimpleMeterRegistry registry = new SimpleMeterRegistry();
        MessageIO first = plugged();
        new SinetStreamMetrics(first).bindTo(registry);
        registry.clear();
        try (MessageIO second = plugged()) {
            new SinetStreamMetrics(second).bindTo(registry);
            Set<Meter> ofSecond = identities(registry);
            assertTrue(ofSecond.size() > 10);
            first.close();
            assertEquals(ofSecond, identities(registry));
        }
        assertEquals(List.of(), registry.getMeters());
    }

    /** The meters before the one that is refused would otherwise stay, and nobody would remove them. */
    @Test
    void aRegistryThatRefusesAMeterKeepsNone() {
        PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        registry.config().onMeterAdded(meter -> {
            if (meter.getId().getName().equals("sinetstream.connected")) {
                throw new IllegalStateException("refused");
            }
        });
        try (MessageIO client = plugged()) {
            assertThrows(IllegalStateException.class, () -> new SinetStreamMetrics(client).bindTo(registry));
            assertEquals(List.of(), registry.getMeters().stream().map(meter -> meter.getId().getName())
                    .filter(name -> !name.equals("sinetstream.connected")).collect(Collectors.toList()));
        }
    }

    /** Returns the meters in a set that compares objects, because meters with the same name and tags are equal. */
    private static Set<Meter> identities(MeterRegistry registry) {
        Set<Meter> meters = Collections.newSetFromMap(new IdentityHashMap<>());
        meters.addAll(registry.getMeters());
        return meters;
    }

    @Test
    void prometheusShowsClientsThatDifferByATagOfTheirOwn() {
        PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        try (MessageIO first = plugged(); MessageIO second = plugged()) {
            new SinetStreamMetrics(first, Tags.of("number", "1")).bindTo(registry);
            new SinetStreamMetrics(second).bindTo(registry);
            String text = registry.scrape();
            assertEquals(2, text.lines().filter(line -> line.startsWith("sinetstream_connected{")).count(), text);
        }
    }

    private static MessageIO plugged() {
        return MessageWriterFactory.<String>builder().noConfig(true).type("iostream").valueType(SimpleValueType.TEXT)
                .parameter("user_data_only", true).parameter("iostream", Map.of("output_stream", new ByteArrayOutputStream()))
                .build().getWriter();
    }

    private static Set<String> types(Stream<String> lines) {
        return lines.filter(line -> line.startsWith("# TYPE ")).collect(Collectors.toCollection(TreeSet::new));
    }

    /** Also that the names are those of the guide. */
    @Test
    void prometheusShowsTheNamesOfTheGuide() throws IOException {
        PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
        try (MessageReader<String> reader = Clients.textReader(BROKER.open(), topic).clientId("r").build().getReader();
                MessageWriter<String> writer = writer("w")) {
            new SinetStreamMetrics(writer).bindTo(registry);
            new SinetStreamMetrics(reader).bindTo(registry);
            writer.write("hello");
            assertNotNull(reader.read());
            String text = registry.scrape();
            String of = "{client_id=\"w\",role=\"writer\",service=\"none\",topic=\"" + topic + "\"} ";
            assertTrue(text.contains("sinetstream_messages_total" + of + "1.0"), text);
            assertTrue(text.contains("sinetstream_write_seconds_count" + of + "1"), text);
            String guide = Files.readString(Path.of("docs/metrics.md"));
            String shown = guide.substring(guide.indexOf("## Micrometer"), guide.indexOf("## Spring Boot"));
            assertEquals(types(shown.lines()), types(text.lines()), text);
        }
        assertEquals("", registry.scrape());
    }
}
