package jp.ad.sinet.stream.engine.boundary;

import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.List;

import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;

import jp.ad.sinet.stream.api.SinetStreamIOException;

/** The certificate authorities that Java trusts. */
final class TrustAnchors {
    private TrustAnchors() {
    }

    /**
     * Returns the certificates that this JVM trusts by default, in DER, with regard to javax.net.ssl.trustStore and related
     * properties.
     */
    static List<byte[]> ofJvm() {
        List<byte[]> anchors;
        try {
            anchors = of(null);
        } catch (GeneralSecurityException e) {
            throw new SinetStreamIOException("TLS: the default trust store of the JVM cannot be read: "
                    + e.getMessage(), e);
        }
        if (anchors.isEmpty()) {
            throw new SinetStreamIOException("TLS: the default trust store of the JVM holds no certificates");
        }
        return anchors;
    }

    /** Returns the certificates that Java trusts with this store, in DER; null is the JVM's default. */
    static List<byte[]> of(KeyStore store) throws GeneralSecurityException {
        List<byte[]> anchors = new ArrayList<>();
        TrustManagerFactory factory = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        for (TrustManager manager : factory.getTrustManagers()) {
            if (manager instanceof X509TrustManager) {
                for (X509Certificate issuer : ((X509TrustManager) manager).getAcceptedIssuers()) {
                    anchors.add(issuer.getEncoded());
                }
            }
        }
        return anchors;
    }
}
