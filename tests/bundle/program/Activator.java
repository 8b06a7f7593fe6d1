package program;

import java.util.Dictionary;
import java.util.Hashtable;
import java.util.concurrent.Callable;

import org.osgi.framework.BundleActivator;
import org.osgi.framework.BundleContext;

import jp.ad.sinet.stream.api.MessageReader;
import jp.ad.sinet.stream.api.MessageWriter;
import jp.ad.sinet.stream.api.valuetype.SimpleValueType;
import jp.ad.sinet.stream.utils.MessageReaderFactory;
import jp.ad.sinet.stream.utils.MessageWriterFactory;

/** A bundle whose service writes and reads when it is called, with a plugin and a class of the bundle's own. */
public final class Activator implements BundleActivator {
    @Override
    public void start(BundleContext context) {
        String broker = context.getProperty("test.broker");
        Dictionary<String, Object> names = new Hashtable<>();
        names.put("name", "exchange");
        context.registerService(Callable.class, () -> exchange(broker), names);
    }

    @Override
    public void stop(BundleContext context) {
        // The framework unregisters the service itself.
    }

    private static String exchange(String broker) {
        Thread thread = Thread.currentThread();
        ClassLoader before = thread.getContextClassLoader();
        thread.setContextClassLoader(Activator.class.getClassLoader());
        try (MessageReader<String> reader = MessageReaderFactory.<String>builder().noConfig(true).type("mqtt").brokers(broker)
                .topic("bundle").parameter("value_deserializer", "program.Upper").parameter("compression", Reversed.PARAMETER)
                .dataCompression(true).build().getReader();
                MessageWriter<String> writer = MessageWriterFactory.<String>builder().noConfig(true).type("mqtt").brokers(broker)
                        .topic("bundle").valueType(SimpleValueType.TEXT).parameter("compression", Reversed.PARAMETER)
                        .dataCompression(true).build().getWriter()) {
            writer.write("hello");
            return reader.read().getValue();
        } finally {
            thread.setContextClassLoader(before);
        }
    }
}
