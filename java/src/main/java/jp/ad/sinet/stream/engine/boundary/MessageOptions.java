package jp.ad.sinet.stream.engine.boundary;

import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import jp.ad.sinet.stream.api.InvalidConfigurationException;
import jp.ad.sinet.stream.api.WriteOptions;

/** Encodes the options of one message for the engine, which checks them, as a tree of the options that are given. */
final class MessageOptions {
    private MessageOptions() {
    }

    /** Returns null for null. An option that cannot be encoded counts as an error of this client. */
    static byte[] encode(long handle, WriteOptions options) {
        if (options == null) {
            return null;
        }
        try {
            return encode(options);
        } catch (InvalidConfigurationException e) {
            Native.countError(handle);
            throw e;
        }
    }

    private static byte[] encode(WriteOptions options) {
        Map<String, Object> given = new LinkedHashMap<>();
        put(given, "topic", text("topic", options.getTopic()));
        put(given, "retain", options.getRetain());
        put(given, "message_expiry", seconds(options.getMessageExpiry()));
        put(given, "content_type", text("content_type", options.getContentType()));
        put(given, "response_topic", text("response_topic", options.getResponseTopic()));
        put(given, "correlation_data", options.getCorrelationData());
        List<Object> pairs = new ArrayList<>();
        options.getUserProperties().forEach(pair -> pairs.add(List.of(text("user_property", pair.getKey()),
                text("user_property", pair.getValue()))));
        put(given, "user_properties", pairs.isEmpty() ? null : pairs);
        return Tree.encode(given);
    }

    private static void put(Map<String, Object> given, String name, Object value) {
        if (value != null) {
            given.put(name, value);
        }
    }

    /** Rounds up. */
    private static Long seconds(Duration time) {
        if (time == null) {
            return null;
        }
        return time.getNano() == 0 || time.getSeconds() == Long.MAX_VALUE ? time.getSeconds() : time.getSeconds() + 1;
    }

    /** Returns the text if it can be encoded; otherwise throws, because a different text would arrive. */
    private static String text(String name, String text) {
        if (text != null && text.codePoints().anyMatch(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE)) {
            throw new InvalidConfigurationException("option '" + name + "' of a message: has half of a surrogate pair, which UTF-8"
                    + " can't say");
        }
        return text;
    }
}
