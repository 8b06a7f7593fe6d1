package jp.ad.sinet.stream.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

import javax.management.JMException;
import javax.management.MBeanServer;
import javax.management.ObjectName;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.io.TempDir;

import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.testing.Await;
import jp.ad.sinet.stream.testing.Broker;
import jp.ad.sinet.stream.testing.Clients;
import jp.ad.sinet.stream.testing.LogCapture;
import jp.ad.sinet.stream.testing.NoLeaks;
import jp.ad.sinet.stream.testing.Yaml;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** The clients in JMX. */
@Timeout(60)
@ExtendWith(NoLeaks.class)
class JmxTest {
    @RegisterExtension
    static final Broker BROKER = new Broker();

    private static final MBeanServer SERVER = ManagementFactory.getPlatformMBeanServer();

    @TempDir
    Path directory;

    private final String topic = Clients.topic();

    private static Set<String> names() {
        try {
            Set<String> names = new TreeSet<>();
            SERVER.queryNames(new ObjectName("jp.ad.sinet.stream:*"), null).forEach(name -> names.add(name.getCanonicalName()));
            return names;
        } catch (JMException e) {
            throw new AssertionError(e);
        }
    }

    private static Object attribute(String name, String attribute) throws JMException {
        return SERVER.getAttribute(new ObjectName(name), attribute);
    }

    @Test
    void clientsAreShownWhileTheyAreOpen() throws IOException, JMException {
        Path file = Yaml.service(directory, 3, "my service", Map.of("type", "mqtt", "brokers", BROKER.open(), "topic", topic,
                "value_type", "text"));
        String writing = "jp.ad.sinet.stream:client=w-1,service=\"my service\",type=writer";
        String reading = "jp.ad.sinet.stream:client=r-1,type=reader";
        try (AsyncMessageReader<String> reader = Clients.textReader(BROKER.open(), topic).clientId("r-1").jmx(true).build()
                .getAsyncReader();
                MessageWriter<String> writer = MessageWriterFactory.<String>builder().configFile(file).clientId("w-1").jmx(true)
                        .consistency(Consistency.AT_LEAST_ONCE).build().getWriter();
                MessageWriter<String> unseen = Clients.textWriter(BROKER.open(), topic).build().getWriter()) {
            assertEquals(Set.of(writing, reading), names());
            writer.write("one");
            writer.write("two");
            assertEquals(2L, attribute(writing, "MessagesTotal"));
            assertTrue((Long) attribute(writing, "BytesTotal") > 40);
            assertEquals(6L, attribute(writing, "UncompressedBytesTotal"));
            assertEquals(6L, attribute(writing, "CompressedBytesTotal"));
            assertEquals(true, attribute(writing, "Connected"));
            assertEquals(topic, attribute(writing, "Topic"));
            assertEquals("my service", attribute(writing, "Service"));
            assertEquals("w-1", attribute(writing, "ClientId"));
            Await.until("the messages wait", () -> {
                try {
                    return attribute(reading, "InboxMessages").equals(2L) && (Long) attribute(reading, "InboxBytes") > 40;
                } catch (JMException e) {
                    throw new AssertionError(e);
                }
            });
            for (String attribute : new String[] {"ErrorsTotal", "ReconnectsTotal", "ResentTotal", "OutboxMessages", "OutboxBytes",
                "OutboxAgeMillis", "OutboxDroppedTotal", "InFlight"}) {
                assertEquals(0L, attribute(writing, attribute), attribute);
            }
            assertEquals(2L, attribute(writing, "WriteCount"));
            double half = (Double) attribute(writing, "WriteMillisP50");
            double most = (Double) attribute(writing, "WriteMillisMax");
            assertTrue(0 < half && half <= (Double) attribute(writing, "WriteMillisP95") && most > 0, half + " " + most);
            assertTrue((Double) attribute(writing, "WriteMillisP99") <= most && most < (Double) attribute(writing, "WriteMillisSum"));
            SERVER.invoke(new ObjectName(writing), "resetMetrics", null, null);
            assertEquals(0L, attribute(writing, "MessagesTotal"));
            assertTrue((Long) attribute(writing, "StartTimeMillis") > 0);
            assertNotNull(unseen);
            assertEquals("r-1", reader.getClientId());
        }
        assertEquals(Set.of(), names());
    }

    @Test
    void clientsOfTheSameNameAreNumbered() {
        try (MessageIO first = plugged(); MessageIO second = plugged()) {
            assertEquals(Set.of("jp.ad.sinet.stream:client=\"null\",type=writer", "jp.ad.sinet.stream:client=\"null\",number=2,type=writer"),
                    names(), () -> first + " " + second);
        }
        assertEquals(Set.of(), names());
    }

    private static MessageIO plugged() {
        return MessageWriterFactory.<String>builder().noConfig(true).type("iostream").valueType(SimpleValueType.TEXT).jmx(true)
                .parameter("user_data_only", true).parameter("iostream", Map.of("output_stream", new java.io.ByteArrayOutputStream()))
                .build().getWriter();
    }

    @Test
    void aClientThatIsForgottenIsTakenAway() {
        try (LogCapture log = new LogCapture()) {
            Clients.textWriter(BROKER.open(), topic).jmx(true).build().getWriter();
            Await.until("the cleaner", () -> {
                System.gc();
                return names().isEmpty() && !log.warnings().isEmpty();
            });
        }
    }
}
