package jp.ad.sinet.stream.spi;

import java.util.Map;

import jp.ad.sinet.stream.api.Crypto;

/**
 * Brings a cipher for configurations whose {@code crypto} names another algorithm or mode than those that are built in: AES
 * with CBC, CTR, EAX, GCM or OFB.
 */
public interface CryptoProvider {
    /**
     * Gives the cipher.
     *
     * @param parameters what stands inside {@code crypto}, decrypted where it was encrypted
     * @return the cipher
     */
    Crypto getCrypto(Map<String, ?> parameters);

    /**
     * Tells whether this provider has a cipher for these parameters.
     *
     * @param parameters what stands inside {@code crypto}
     * @return true if {@link #getCrypto} can be called
     */
    boolean isSupported(Map<String, ?> parameters);
}
