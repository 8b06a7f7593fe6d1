package jp.ad.sinet.stream.api;

import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;

import jp.ad.sinet.stream.utils.Pair;

/** A cipher of a plugin. Many threads may call the functions that it returns. */
public interface Crypto {
    /**
     * Returns the encrypting function.
     *
     * @param parameters the content of the map {@code crypto}
     * @return a function from a message's record to its encrypted form and the version of the key, from 1 to 32767
     */
    Function<byte[], Pair<byte[], Integer>> getEncoder(Map<String, ?> parameters);

    /**
     * Returns the decrypting function.
     *
     * @param parameters the content of the map {@code crypto}
     * @return a function from the encrypted form and the version of the key to the record; the version is 0 for messages of
     *        format 2, which do not carry it
     */
    BiFunction<byte[], Integer, byte[]> getDecoder(Map<String, ?> parameters);
}
