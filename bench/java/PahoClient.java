import java.util.function.Consumer;
import javax.net.ssl.SSLContext;

import org.eclipse.paho.client.mqttv3.IMqttActionListener;
import org.eclipse.paho.client.mqttv3.IMqttDeliveryToken;
import org.eclipse.paho.client.mqttv3.IMqttToken;
import org.eclipse.paho.client.mqttv3.MqttAsyncClient;
import org.eclipse.paho.client.mqttv3.MqttCallback;
import org.eclipse.paho.client.mqttv3.MqttClient;
import org.eclipse.paho.client.mqttv3.MqttClientPersistence;
import org.eclipse.paho.client.mqttv3.MqttConnectOptions;
import org.eclipse.paho.client.mqttv3.MqttMessage;
import org.eclipse.paho.client.mqttv3.persist.MemoryPersistence;
import org.eclipse.paho.client.mqttv3.persist.MqttDefaultFilePersistence;

/** Eclipse Paho, MQTT 3.1.1, keeping unconfirmed messages in memory, or where a row says so in files. */
final class PahoClient implements Client {
    @Override
    public AsyncWriter asyncWriter(Target target) throws Exception {
        MqttAsyncClient client = asyncClient(target);
        client.connect(options(target)).waitForCompletion();
        return new AsyncWriter() {
            @Override
            public void write(byte[] value, Consumer<Throwable> done) throws Exception {
                client.publish(target.topic, value, target.qos, false, null, new IMqttActionListener() {
                    @Override
                    public void onSuccess(IMqttToken token) {
                        done.accept(null);
                    }

                    @Override
                    public void onFailure(IMqttToken token, Throwable error) {
                        done.accept(error);
                    }
                });
            }

            @Override
            public void close() throws Exception {
                client.disconnect().waitForCompletion();
            }
        };
    }

    @Override
    public BlockingWriter blockingWriter(Target target) throws Exception {
        MqttClient client = new MqttClient(uri(target), target.clientId(), persistence(target));
        client.connect(options(target));
        return new BlockingWriter() {
            @Override
            public void write(byte[] value) throws Exception {
                client.publish(target.topic, value, target.qos, false);
            }

            @Override
            public void close() throws Exception {
                client.disconnect();
            }
        };
    }

    @Override
    public AutoCloseable callbackReader(Target target, Consumer<byte[]> messages, Consumer<Throwable> errors)
            throws Exception {
        MqttAsyncClient client = asyncClient(target);
        client.setCallback(new MqttCallback() {
            @Override
            public void messageArrived(String topic, MqttMessage message) {
                messages.accept(message.getPayload());
            }

            @Override
            public void connectionLost(Throwable error) {
                errors.accept(error);
            }

            @Override
            public void deliveryComplete(IMqttDeliveryToken token) {
            }
        });
        client.connect(options(target)).waitForCompletion();
        client.subscribe(target.topic, target.qos).waitForCompletion();
        return () -> client.disconnect().waitForCompletion();
    }

    @Override
    public BlockingReader blockingReader(Target target) {
        throw new UnsupportedOperationException("Paho has no blocking reader for MQTT 3.1.1");
    }

    private static MqttAsyncClient asyncClient(Target target) throws Exception {
        return new MqttAsyncClient(uri(target), target.clientId(), persistence(target));
    }

    private static MqttClientPersistence persistence(Target target) {
        return target.directory == null ? new MemoryPersistence() : new MqttDefaultFilePersistence(target.directory);
    }

    private static String uri(Target target) {
        return (target.authority == null ? "tcp://" : "ssl://") + target.host + ":" + target.port;
    }

    private static MqttConnectOptions options(Target target) throws Exception {
        MqttConnectOptions options = new MqttConnectOptions();
        options.setMqttVersion(MqttConnectOptions.MQTT_VERSION_3_1_1);
        // Above this, 10 by default, a publish fails instead of waiting. A confirmed message counts until Paho's own
        // thread has seen to it, so that even one blocking writer exceeds 10. The rows themselves keep the window.
        options.setMaxInflight(65535);
        // A clean session would throw away what is in the files when it is opened again.
        options.setCleanSession(target.directory == null);
        if (target.authority != null) {
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, Trust.in(target.authority).getTrustManagers(), null);
            options.setSocketFactory(context.getSocketFactory());
        }
        if (target.user != null) {
            options.setUserName(target.user);
            options.setPassword(target.password.toCharArray());
        }
        return options;
    }
}
