package jp.ad.sinet.stream.utils;

import java.util.Collections;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.MessageIO;
import jp.ad.sinet.stream.api.ValueType;

/** The settings in force, from the builder and the configuration together, for the client that a factory made last. */
final class InForce {
    final @Nullable String type;
    final @Nullable String service;
    final List<String> topics;
    final Consistency consistency;
    final @Nullable ValueType valueType;
    final @Nullable Boolean userDataOnly;
    final @Nullable Boolean dataCompression;
    final @Nullable Boolean dataEncryption;

    InForce(MessageIO client, List<String> topics) {
        Map<String, Object> config = client.getConfig();
        type = (String) config.get("type");
        service = client.getService();
        this.topics = Collections.unmodifiableList(topics);
        consistency = client.getConsistency();
        valueType = client.getValueType();
        userDataOnly = (Boolean) config.get("user_data_only");
        dataCompression = (Boolean) config.get("data_compression");
        dataEncryption = client.isDataEncryption();
    }
}
