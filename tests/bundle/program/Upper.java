package program;

import java.nio.charset.StandardCharsets;

import jp.ad.sinet.stream.api.Deserializer;

/** The class that the parameter value_deserializer names. */
public final class Upper implements Deserializer<String> {
    @Override
    public String deserialize(byte[] bytes) {
        return new String(bytes, StandardCharsets.UTF_8).toUpperCase();
    }
}
