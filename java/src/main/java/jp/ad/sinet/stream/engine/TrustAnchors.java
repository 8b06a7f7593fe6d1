package jp.ad.sinet.stream.engine;

import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;

import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

import jp.ad.sinet.stream.api.SinetStreamIOException;

/**
 * The certificate authorities that this JVM trusts by default. javax.net.ssl.trustStore and its like count.
 */
final class TrustAnchors {
    private TrustAnchors() {
    }

    /** The certificates in DER. */
    static List<byte[]> ofJvm() {
        List<byte[]> anchors = new ArrayList<>();
        try {
            TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            factory.init((KeyStore) null);
            for (TrustManager manager : factory.getTrustManagers()) {
                if (manager instanceof X509TrustManager) {
                    for (X509Certificate issuer : ((X509TrustManager) manager).getAcceptedIssuers()) {
                        anchors.add(issuer.getEncoded());
                    }
                }
            }
        } catch (GeneralSecurityException e) {
            throw new SinetStreamIOException("TLS: the default trust store of the JVM cannot be read: "
                    + e.getMessage(), e);
        }
        if (anchors.isEmpty()) {
            throw new SinetStreamIOException("TLS: the default trust store of the JVM holds no certificates");
        }
        return anchors;
    }
}
