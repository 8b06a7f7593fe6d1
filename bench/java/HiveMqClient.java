import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

import com.hivemq.client.mqtt.MqttClientSslConfig;
import com.hivemq.client.mqtt.MqttGlobalPublishFilter;
import com.hivemq.client.mqtt.datatypes.MqttQos;
import com.hivemq.client.mqtt.datatypes.MqttTopic;
import com.hivemq.client.mqtt.mqtt3.Mqtt3AsyncClient;
import com.hivemq.client.mqtt.mqtt3.Mqtt3BlockingClient;
import com.hivemq.client.mqtt.mqtt3.Mqtt3Client;
import com.hivemq.client.mqtt.mqtt3.Mqtt3ClientBuilder;
import com.hivemq.client.mqtt.mqtt3.message.publish.Mqtt3Publish;

/** HiveMQ MQTT Client, MQTT 3.1.1. */
final class HiveMqClient implements Client {
    @Override
    public AsyncWriter asyncWriter(Target target) throws Exception {
        Mqtt3AsyncClient client = connected(target).toAsync();
        MqttTopic topic = MqttTopic.of(target.topic);
        return new AsyncWriter() {
            @Override
            public void write(byte[] value, Consumer<Throwable> done) {
                client.publish(publish(target, topic, value)).whenComplete((sent, error) -> done.accept(error));
            }

            @Override
            public void close() throws Exception {
                client.disconnect().get();
            }
        };
    }

    @Override
    public BlockingWriter blockingWriter(Target target) throws Exception {
        Mqtt3BlockingClient client = connected(target);
        MqttTopic topic = MqttTopic.of(target.topic);
        return new BlockingWriter() {
            @Override
            public void write(byte[] value) {
                client.publish(publish(target, topic, value));
            }

            @Override
            public void close() {
                client.disconnect();
            }
        };
    }

    @Override
    public AutoCloseable callbackReader(Target target, Consumer<byte[]> messages, Consumer<Throwable> errors)
            throws Exception {
        Mqtt3AsyncClient client = connected(target).toAsync();
        client.subscribeWith().topicFilter(target.topic).qos(MqttQos.fromCode(target.qos))
                .callback(message -> messages.accept(message.getPayloadAsBytes())).send().get();
        return () -> client.disconnect().get();
    }

    @Override
    public BlockingReader blockingReader(Target target) throws Exception {
        Mqtt3BlockingClient client = connected(target);
        Mqtt3BlockingClient.Mqtt3Publishes messages = client.publishes(MqttGlobalPublishFilter.ALL);
        client.subscribeWith().topicFilter(target.topic).qos(MqttQos.fromCode(target.qos)).send();
        return new BlockingReader() {
            @Override
            public byte[] read() throws InterruptedException {
                return messages.receive(500, TimeUnit.MILLISECONDS).map(Mqtt3Publish::getPayloadAsBytes).orElse(null);
            }

            @Override
            public void close() {
                client.disconnect();
            }
        };
    }

    private static Mqtt3Publish publish(Target target, MqttTopic topic, byte[] value) {
        return Mqtt3Publish.builder().topic(topic).qos(MqttQos.fromCode(target.qos)).payload(value).build();
    }

    private static Mqtt3BlockingClient connected(Target target) throws Exception {
        Mqtt3ClientBuilder builder = Mqtt3Client.builder().identifier(target.clientId())
                .serverHost(target.host).serverPort(target.port);
        if (target.authority != null) {
            builder = builder.sslConfig(
                    MqttClientSslConfig.builder().trustManagerFactory(Trust.in(target.authority)).build());
        }
        if (target.user != null) {
            builder = builder.simpleAuth().username(target.user)
                    .password(target.password.getBytes(StandardCharsets.UTF_8)).applySimpleAuth();
        }
        if (target.presence != null) {
            builder = builder.automaticReconnectWithDefaultConfig()
                    .addConnectedListener(context -> target.presence.connected())
                    .addDisconnectedListener(context -> target.presence.lost());
        }
        Mqtt3BlockingClient client = builder.buildBlocking();
        client.connect();
        return client;
    }
}
