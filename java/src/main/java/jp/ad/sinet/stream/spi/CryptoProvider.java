package jp.ad.sinet.stream.spi;

import java.util.Map;

import jp.ad.sinet.stream.api.Crypto;

/**
 * Provides a cipher for configurations whose {@code crypto} names an algorithm or mode that is not built in. Built in is AES
 * with CBC, CTR, EAX, GCM or OFB.
 */
public interface CryptoProvider {
    /**
     * Returns the cipher.
     *
     * @param parameters the content of the map {@code crypto}; encrypted values in it have been decrypted
     * @return the cipher
     */
    Crypto getCrypto(Map<String, ?> parameters);

    /**
     * Tells whether this provider has a cipher for the given parameters.
     *
     * @param parameters the content of the map {@code crypto}
     * @return true if {@link #getCrypto} can be called
     */
    boolean isSupported(Map<String, ?> parameters);
}
