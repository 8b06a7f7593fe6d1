package jp.ad.sinet.stream.engine.boundary;

import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The parts of TLS that only Java can open: the certificates that the JVM trusts, and key stores. */
final class KeyMaterial {
    private KeyMaterial() {
    }

    /**
     * Opens what a description asks for. The result is a tree with lists of DER certificates: {@code anchors}, those of them
     * that stand {@code alone}, and {@code identities}, each only if it was asked for.
     */
    static byte[] open(Map<?, ?> wanted, byte[] willValue) {
        Map<String, Object> material = new LinkedHashMap<>();
        List<Map<String, Object>> identities = Collections.emptyList();
        if (wanted != null) {
            if (Boolean.TRUE.equals(wanted.get("jvm_anchors")) || wanted.get("trust_store") instanceof Map) {
                DisabledAlgorithms.warn();
            }
            if (Boolean.TRUE.equals(wanted.get("jvm_anchors"))) {
                material.put("anchors", TrustAnchors.ofJvm());
            }
            if (wanted.get("trust_store") instanceof Map) {
                try (StoreFile store = new StoreFile((Map<?, ?>) wanted.get("trust_store"))) {
                    StoreFile.Trusted trusted = store.trusted();
                    material.put("anchors", trusted.anchors);
                    material.put("alone", trusted.alone);
                }
            }
            if (wanted.get("key_store") instanceof Map) {
                try (StoreFile store = new StoreFile((Map<?, ?>) wanted.get("key_store"))) {
                    identities = store.identities();
                    material.put("identities", identities);
                }
            }
        }
        if (willValue != null) {
            material.put("will_value", willValue);
        }
        try {
            return Tree.encode(material);
        } finally {
            for (Map<String, Object> identity : identities) {
                Arrays.fill((byte[]) identity.get("key"), (byte) 0);
            }
        }
    }
}
