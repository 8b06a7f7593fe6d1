package jp.ad.sinet.stream.spi;

import java.io.File;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.ValueType;

/** The settings for a plugin's client. */
public interface SinetStreamParameters {
    /**
     * Returns the name of the service.
     *
     * @return the name, or null without a configuration file
     */
    @Nullable String getService();

    /**
     * Returns the delivery guarantee for each message.
     *
     * @return the consistency
     */
    Consistency getConsistency();

    /**
     * Returns the value type. The library converts the values, not the plugin.
     *
     * @return the value type, or null if the program uses its own serializer or deserializer
     */
    @Nullable ValueType getValueType();

    /**
     * Tells whether messages are the bytes of the value alone.
     *
     * @return true or false
     */
    boolean isUserDataOnly();

    /**
     * Tells whether messages are encrypted. The library encrypts and decrypts them, not the plugin.
     *
     * @return true or false
     */
    boolean isDataEncryption();

    /**
     * Returns all parameters, with secrets in plain text.
     *
     * @return the parameters by name
     */
    Map<String, Object> getConfig();

    /**
     * Returns the names of temporary files that the plugin made and that are to be removed; this library makes none.
     *
     * @return a list, or null
     */
    @Nullable List<File> getTmpLst();
}
