package jp.ad.sinet.stream.spi;

import java.io.File;
import java.util.List;
import java.util.Map;

import org.jspecify.annotations.Nullable;

import jp.ad.sinet.stream.api.Consistency;
import jp.ad.sinet.stream.api.ValueType;

/** What a plugin is asked for. */
public interface SinetStreamParameters {
    /**
     * The service's name.
     *
     * @return the name, or null without a configuration file
     */
    @Nullable String getService();

    /**
     * How much is to be done to deliver each message.
     *
     * @return the consistency
     */
    Consistency getConsistency();

    /**
     * The kind of values; coding them is not the plugin's task.
     *
     * @return the value type, or null if the program codes them in its own way
     */
    @Nullable ValueType getValueType();

    /**
     * Whether messages are the values alone.
     *
     * @return true or false
     */
    boolean isUserDataOnly();

    /**
     * Whether messages are encrypted, which is not the plugin's task.
     *
     * @return true or false
     */
    boolean isDataEncryption();

    /**
     * All parameters, with secrets in the clear.
     *
     * @return the parameters by name
     */
    Map<String, Object> getConfig();

    /**
     * Files that the plugin made and that are to be removed; this library makes none.
     *
     * @return a list, or null
     */
    @Nullable List<File> getTmpLst();
}
