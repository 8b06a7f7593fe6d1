package kafkaplugin;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;

import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.TimeoutException;

import jp.ad.sinet.stream.api.AuthenticationException;
import jp.ad.sinet.stream.api.AuthorizationException;
import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.SinetStreamException;
import jp.ad.sinet.stream.api.SinetStreamIOException;
import jp.ad.sinet.stream.api.SinetStreamIOException.Delivery;
import jp.ad.sinet.stream.api.SinetStreamIOException.Reason;
import jp.ad.sinet.stream.spi.PluginMessageIO;
import jp.ad.sinet.stream.spi.SinetStreamParameters;
import jp.ad.sinet.stream.utils.KeyStoreUtil;
import jp.ad.sinet.stream.utils.MessageUtils;

/**
 * The common part of readers and writers: {@code brokers}, {@code tls}, and a map {@code kafka} with Kafka's own properties.
 */
abstract class KafkaClient implements PluginMessageIO {
    static final Duration CLOSE_LIMIT = Duration.ofSeconds(5);

    private final SinetStreamParameters parameters;
    private final String clientId;

    KafkaClient(SinetStreamParameters parameters, String clientId) {
        this.parameters = parameters;
        this.clientId = clientId;
    }

    final Properties properties() {
        Map<String, Object> config = getConfig();
        List<String> brokers = MessageUtils.toStringList(config.get("brokers"));
        if (brokers == null) {
            throw new InvalidConfigurationException("parameter 'brokers' is missing; expected host:port, or a list of them");
        }
        Properties properties = new Properties();
        properties.put("bootstrap.servers", String.join(",", brokers));
        if (clientId != null) {
            properties.put("client.id", clientId);
        }
        if (config.get("tls") instanceof Map) {
            tls((Map<?, ?>) config.get("tls"), properties);
        }
        if (config.get("kafka") instanceof Map) {
            ((Map<?, ?>) config.get("kafka")).forEach((name, value) -> properties.put(name, String.valueOf(value)));
        }
        return properties;
    }

    /** Converts keys to stores, because Kafka does not accept all forms of keys that the MQTT clients here accept. */
    private static void tls(Map<?, ?> given, Properties properties) {
        Map<String, String> tls = new HashMap<>();
        given.forEach((name, value) -> tls.put(name.toString(), MessageUtils.toString(value)));
        tls.putAll(KeyStoreUtil.setupKeyStore(tls));
        properties.put("security.protocol", "SSL");
        for (String kind : List.of("trustStore", "keyStore")) {
            String name = "ssl." + kind.toLowerCase() + ".";
            if (tls.get(kind) != null) {
                properties.put(name + "location", tls.get(kind));
                properties.put(name + "type", tls.get(kind + "Type"));
                properties.put(name + "password", tls.get(kind + "Password"));
            }
        }
        if (Boolean.FALSE.equals(MessageUtils.toBoolean(tls.get("check_hostname")))) {
            properties.put("ssl.endpoint.identification.algorithm", "");
        }
    }

    /** Returns the exception in the form that programs expect. */
    static SinetStreamException failure(Throwable e) {
        if (e instanceof org.apache.kafka.common.errors.AuthenticationException) {
            return new AuthenticationException(e.getMessage(), e);
        } else if (e instanceof org.apache.kafka.common.errors.AuthorizationException) {
            return new AuthorizationException(e.getMessage(), e);
        }
        SinetStreamIOException failure = new SinetStreamIOException("Kafka: " + e.getMessage(), e);
        if (e instanceof TimeoutException) {
            failure.with(Reason.TIMED_OUT, Delivery.UNKNOWN);
        } else if (e instanceof RecordTooLargeException) {
            failure.with(Reason.TOO_LARGE, Delivery.NOT_SENT);
        }
        return failure;
    }

    @Override
    public final Map<String, Object> getConfig() {
        return parameters.getConfig();
    }

    @Override
    public final Consistency getConsistency() {
        return parameters.getConsistency();
    }

    @Override
    public final String getClientId() {
        return clientId;
    }
}
