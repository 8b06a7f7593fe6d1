package jp.ad.sinet.stream.spi;

import java.io.File;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;

import org.jspecify.annotations.Nullable;

import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.ValueType;
import jp.ad.sinet.stream.utils.MessageReaderFactory;

/** The settings for a plugin's reader. Not thread-safe. */
public class ReaderParameters implements SinetStreamParameters {
    private final @Nullable String service;
    private final List<String> topics;
    private final Consistency consistency;
    private final @Nullable ValueType valueType;
    private final Map<String, Object> config;
    private final boolean userDataOnly;
    private final boolean dataCompression;
    private final boolean dataEncryption;
    private final Duration receiveTimeout;
    private final @Nullable List<File> tmpLst;
    private @Nullable String clientId;

    /**
     * Makes the settings.
     *
     * @param service the service's name, or null
     * @param consistency the delivery guarantee for each message
     * @param valueType the value type, or null
     * @param config all parameters
     * @param userDataOnly whether messages are the bytes of the value alone
     * @param dataCompression whether values are compressed
     * @param dataEncryption whether messages are encrypted
     * @param topics the topics
     * @param receiveTimeout how long a read waits for a message
     * @param tmpLst a list for the names of temporary files, or null
     */
    public ReaderParameters(@Nullable String service, Consistency consistency, @Nullable ValueType valueType, Map<String, Object> config,
            boolean userDataOnly, boolean dataCompression, boolean dataEncryption, List<String> topics,
            Duration receiveTimeout, @Nullable List<File> tmpLst) {
        this.service = service;
        this.consistency = consistency;
        this.valueType = valueType;
        this.config = config;
        this.userDataOnly = userDataOnly;
        this.dataCompression = dataCompression;
        this.dataEncryption = dataEncryption;
        this.topics = topics;
        this.receiveTimeout = receiveTimeout;
        this.tmpLst = tmpLst;
    }

    /**
     * Copies the settings of a factory, without those that only the configuration has.
     *
     * @param factory the factory
     */
    public ReaderParameters(MessageReaderFactory<?> factory) {
        this(factory.getService(), factory.getConsistency(), factory.getValueType(), factory.getParameters(),
                Boolean.TRUE.equals(factory.getUserDataOnly()), Boolean.TRUE.equals(factory.getDataCompression()),
                Boolean.TRUE.equals(factory.getDataEncryption()), factory.getTopics(), factory.getReceiveTimeout(),
                factory.getTmpLst());
        clientId = factory.getClientId();
    }

    @Override
    public @Nullable String getService() {
        return service;
    }

    @Override
    public Consistency getConsistency() {
        return consistency;
    }

    @Override
    public @Nullable ValueType getValueType() {
        return valueType;
    }

    @Override
    public Map<String, Object> getConfig() {
        return config;
    }

    @Override
    public boolean isUserDataOnly() {
        return userDataOnly;
    }

    /**
     * Tells whether values are compressed.
     *
     * @return true or false
     */
    public boolean isDataCompression() {
        return dataCompression;
    }

    @Override
    public boolean isDataEncryption() {
        return dataEncryption;
    }

    /**
     * Returns the topics.
     *
     * @return the topics
     */
    public List<String> getTopics() {
        return topics;
    }

    /**
     * Returns how long a read waits for a message.
     *
     * @return the receive timeout
     */
    public Duration getReceiveTimeout() {
        return receiveTimeout;
    }

    @Override
    public @Nullable List<File> getTmpLst() {
        return tmpLst;
    }

    /**
     * Returns the client identifier.
     *
     * @return the identifier, or null
     */
    public @Nullable String getClientId() {
        return clientId;
    }

    /**
     * Sets the client identifier.
     *
     * @param clientId the identifier, or null
     */
    public void setClientId(@Nullable String clientId) {
        this.clientId = clientId;
    }

    private List<Object> fields() {
        return Arrays.asList(service, consistency, valueType, config, userDataOnly, dataCompression, dataEncryption,
                topics, receiveTimeout, tmpLst, clientId);
    }

    /** Compares all settings. */
    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof ReaderParameters && fields().equals(((ReaderParameters) other).fields());
    }

    @Override
    public int hashCode() {
        return Objects.hash(fields());
    }

    /** Omits the values of parameters, which may be secret. */
    @Override
    public String toString() {
        return "ReaderParameters(service=" + service + ", topics=" + topics + ", consistency=" + consistency
                + ", parameters=" + (config == null ? null : config.keySet()) + ")";
    }
}
