package jp.ad.sinet.stream.engine.client;

import java.lang.management.ManagementFactory;
import java.lang.ref.WeakReference;
import java.util.Map;
import java.util.function.Function;
import java.util.function.ToLongFunction;

import javax.management.InstanceAlreadyExistsException;
import javax.management.InstanceNotFoundException;
import javax.management.JMException;
import javax.management.MalformedObjectNameException;
import javax.management.ObjectName;
import javax.management.StandardMBean;

import jp.ad.sinet.stream.api.ClientMXBean;
import jp.ad.sinet.stream.api.Histogram;
import jp.ad.sinet.stream.api.MessageIO;
import jp.ad.sinet.stream.api.Metrics;
import jp.ad.sinet.stream.api.SinetStreamException;

/**
 * The JMX bean of a client, which does not keep the client from being garbage collected. Each attribute is read from the
 * client when it is asked for.
 */
final class ClientBean implements ClientMXBean {
    private static final String DOMAIN = "jp.ad.sinet.stream";
    /** The largest number of clients with the same name, which clients of other class loaders may have. */
    private static final int MOST_OF_A_NAME = 1000;
    private static final double NANOS_PER_MILLI = 1e6;

    private final WeakReference<MessageIO> client;

    private ClientBean(MessageIO client) {
        this.client = new WeakReference<>(client);
    }

    /** Registers the client. The result unregisters it, and does not refer to the client. */
    static Runnable register(MessageIO client, String role) {
        try {
            StandardMBean bean = new StandardMBean(new ClientBean(client), ClientMXBean.class, true);
            for (int number = 1; number < MOST_OF_A_NAME; number++) {
                ObjectName name = name(client, role, number);
                try {
                    ManagementFactory.getPlatformMBeanServer().registerMBean(bean, name);
                    return () -> unregister(name);
                } catch (InstanceAlreadyExistsException e) {
                    // The name is taken; try the next one.
                }
            }
            throw new SinetStreamException("jmx: there are too many clients of this name");
        } catch (JMException e) {
            throw new SinetStreamException("jmx: the client can't be registered: " + e, e);
        }
    }

    private static ObjectName name(MessageIO client, String role, int number) throws MalformedObjectNameException {
        return new ObjectName(DOMAIN + ":type=" + role + (client.getService() == null ? "" : ",service=" + value(client.getService()))
                + ",client=" + value(client.getClientId()) + (number == 1 ? "" : ",number=" + number));
    }

    /** Quotes the text if JMX requires it. */
    private static String value(String text) {
        return text != null && text.matches("[\\w.-]+") ? text : ObjectName.quote(String.valueOf(text));
    }

    private static void unregister(ObjectName name) {
        try {
            ManagementFactory.getPlatformMBeanServer().unregisterMBean(name);
        } catch (InstanceNotFoundException e) {
            // another thread has unregistered it
        } catch (JMException e) {
            throw new SinetStreamException("jmx: the client can't be unregistered: " + e, e);
        }
    }

    private <V> V ask(Function<MessageIO, V> question, V otherwise) {
        MessageIO asked = client.get();
        return asked == null ? otherwise : question.apply(asked);
    }

    private long counted(ToLongFunction<Metrics> counter) {
        return ask(asked -> counter.applyAsLong(asked.getMetrics()), 0L);
    }

    private long connection(String name) {
        Object info = ask(asked -> asked.getInfo("connection"), null);
        Object value = info instanceof Map ? ((Map<?, ?>) info).get(name) : null;
        return value instanceof Long ? (Long) value : 0;
    }

    @Override
    public String getClientId() {
        return ask(MessageIO::getClientId, null);
    }

    @Override
    public String getService() {
        return ask(MessageIO::getService, null);
    }

    @Override
    public String getTopic() {
        return ask(MessageIO::getTopic, null);
    }

    @Override
    public boolean isConnected() {
        return ask(MessageIO::isConnected, false);
    }

    @Override
    public long getStartTimeMillis() {
        return counted(Metrics::getStartTimeMillis);
    }

    @Override
    public long getMessagesTotal() {
        return counted(Metrics::getMsgCountTotal);
    }

    @Override
    public long getBytesTotal() {
        return counted(Metrics::getMsgBytesTotal);
    }

    @Override
    public long getUncompressedBytesTotal() {
        return counted(Metrics::getMsgUncompressedBytesTotal);
    }

    @Override
    public long getCompressedBytesTotal() {
        return counted(Metrics::getMsgCompressedBytesTotal);
    }

    @Override
    public long getErrorsTotal() {
        return counted(Metrics::getErrorCountTotal);
    }

    @Override
    public long getReconnectsTotal() {
        return connection("reconnects");
    }

    @Override
    public long getResentTotal() {
        return connection("resent");
    }

    @Override
    public long getOutboxMessages() {
        return connection("outbox_messages");
    }

    @Override
    public long getOutboxBytes() {
        return connection("outbox_bytes");
    }

    @Override
    public long getOutboxAgeMillis() {
        return connection("outbox_age_ms");
    }

    @Override
    public long getOutboxDroppedTotal() {
        return connection("outbox_dropped");
    }

    @Override
    public long getInFlight() {
        return connection("in_flight");
    }

    @Override
    public long getInboxMessages() {
        return connection("inbox_messages");
    }

    @Override
    public long getInboxBytes() {
        return connection("inbox_bytes");
    }

    private double millis(ToLongFunction<Histogram> nanos) {
        return counted(metrics -> nanos.applyAsLong(metrics.getWriteTimes())) / NANOS_PER_MILLI;
    }

    @Override
    public long getWriteCount() {
        return counted(metrics -> metrics.getWriteTimes().getCount());
    }

    @Override
    public double getWriteMillisSum() {
        return millis(Histogram::getSumNanos);
    }

    @Override
    public double getWriteMillisMax() {
        return millis(Histogram::getMaxNanos);
    }

    @Override
    public double getWriteMillisP50() {
        return millis(times -> times.getQuantileNanos(0.5));
    }

    @Override
    public double getWriteMillisP95() {
        return millis(times -> times.getQuantileNanos(0.95));
    }

    @Override
    public double getWriteMillisP99() {
        return millis(times -> times.getQuantileNanos(0.99));
    }

    @Override
    public void resetMetrics() {
        MessageIO asked = client.get();
        if (asked != null) {
            asked.resetMetrics();
        }
    }
}
