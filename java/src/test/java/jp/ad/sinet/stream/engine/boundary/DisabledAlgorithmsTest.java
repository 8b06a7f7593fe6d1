package jp.ad.sinet.stream.engine.boundary;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.security.Security;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class DisabledAlgorithmsTest {
    private static List<String> unheeded(String list) {
        return DisabledAlgorithms.unheeded(DisabledAlgorithms.OF_CERTIFICATES, Map.of("jdk.certpath.disabledAlgorithms", list, "more", "secp112r1, X9.62 c2tnb191v1,"
                + " secp384r1")::get);
    }

    /** This holds for the JDK that runs the test, whichever it is. */
    @Test
    void theJdksOwnListForbidsNothingThatIsAccepted() {
        for (String list : List.of(DisabledAlgorithms.OF_CERTIFICATES, DisabledAlgorithms.OF_TLS)) {
            assertEquals(List.of(), DisabledAlgorithms.unheeded(list, Security::getProperty));
            assertEquals(List.of(), DisabledAlgorithms.unheeded(list, name -> null));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "MD2, MD5, SHA1 jdkCA & usage TLSServer, RSA keySize < 1024, DSA keySize < 1024, EC keySize < 224,"
                + " SHA1 usage SignedJAR & denyAfter 2019-01-01", // Java 11 to 25
        "SSLv3, TLSv1, TLSv1.1, DTLSv1.0, RC4, DES, MD5withRSA, DH keySize < 1024, EC keySize < 224, 3DES_EDE_CBC, anon, NULL, ECDH,"
                + " TLS_RSA_*, rsa_pkcs1_sha1 usage HandshakeSignature, dsa_sha1 usage HandshakeSignature", // of TLS, Java 25
        "MD2, SHA1, MD5, DSA, RSA keySize < 2048", // the default of Red Hat
        "MD5withRSA, SHA1withECDSA, SHA224, Ed448, secp521r1, brainpoolP256r1, secp256k1",
        "RSA keySize <= 2047, RSASSA-PSS keySize < 2048, EC keySize < 256, ecdsa keysize<256",
        "SHA256 usage SignedJAR & denyAfter 2030-01-01, RSA usage TLSClient, \"MD5\", , "})
    void whatIsRefusedHereNeedsNoWarning(String list) {
        assertEquals(List.of(), unheeded(list.replace("keysize<256", "keysize < 256")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"RSA keySize < 2049", "RSA keySize <= 2048", "RSA keySize < 3072", "EC keySize < 384", "EC", "ECDSA",
        "SHA256withRSA", "sha256", "RSASSA-PSS", "Ed25519", "secp256r1", "RSA jdkCA", "RSA denyAfter 2020-01-01",
        "RSA keySize < 4096 & usage TLSServer", "SHA256 usage TLSClient TLSServer SignedJAR", "RSA keySize == 2048", "TLSv1.2", "TLS_AES_128_GCM_SHA256",
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"})
    void whatIsAcceptedHereIsTold(String entry) {
        assertEquals(List.of(entry), unheeded("MD5,  " + entry + " ,SHA1"));
    }

    @Test
    void whatAListTakesInCounts() {
        assertEquals(List.of("secp384r1"), unheeded("MD5, include more"));
        assertEquals(List.of(), unheeded("MD5, include missing"));
    }
}
