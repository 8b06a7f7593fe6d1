package jp.ad.sinet.stream.utils;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

import org.jspecify.annotations.Nullable;

/**
 * The parameter {@code tls}, for the builders of clients. It has the same meaning as the value of {@code parameter("tls",
 * …)}, is checked when a client is made, and its errors name the parameter, for instance {@code tls.ca_certs}. If nothing is
 * set, the client trusts the certificates that the JVM trusts. Immutable.
 */
public final class Tls {
    private final Map<String, Object> parameters;

    private Tls(Builder builder) {
        parameters = new LinkedHashMap<>(builder.parameters);
    }

    /**
     * Returns a builder in which nothing is set.
     *
     * @return a builder
     */
    public static Builder builder() {
        return new Builder();
    }

    /** Returns the value of the parameter. It is never an empty map, which would disable TLS. */
    Object parameter() {
        return parameters.isEmpty() ? Boolean.TRUE : parameters;
    }

    /** Names the parameters without their values, which may be secret. */
    @Override
    public String toString() {
        return "Tls(" + String.join(", ", parameters.keySet()) + ")";
    }

    /** Collects the parameters inside {@code tls}. A parameter that is null is not set. Not thread-safe. */
    public static final class Builder {
        private final Map<String, Object> parameters = new LinkedHashMap<>();

        private Builder() {
        }

        /**
         * Sets {@code ca_certs}, the file with the trusted certificates.
         *
         * @param file a PEM or DER file
         * @return this builder
         */
        public Builder caCerts(@Nullable Path file) {
            return parameter("ca_certs", file);
        }

        /**
         * Sets {@code ca_certs_data}, the text of the trusted certificates.
         *
         * @param pem the certificates in PEM
         * @return this builder
         */
        public Builder caCertsData(@Nullable String pem) {
            return parameter("ca_certs_data", pem);
        }

        /**
         * Sets {@code certfile}, the file with the client's certificate, followed by the intermediate certificates.
         *
         * @param file a PEM or DER file
         * @return this builder
         */
        public Builder certfile(@Nullable Path file) {
            return parameter("certfile", file);
        }

        /**
         * Sets {@code certfile_data}, the text of the client's certificate, followed by the intermediate certificates.
         *
         * @param pem the certificates in PEM
         * @return this builder
         */
        public Builder certfileData(@Nullable String pem) {
            return parameter("certfile_data", pem);
        }

        /**
         * Sets {@code keyfile}, the file with the private key of the client's certificate.
         *
         * @param file a PEM or DER file; not needed when the key is in {@link #certfile}
         * @return this builder
         */
        public Builder keyfile(@Nullable Path file) {
            return parameter("keyfile", file);
        }

        /**
         * Sets {@code keyfile_data}, the text of the private key of the client's certificate.
         *
         * @param pem the key in PEM
         * @return this builder
         */
        public Builder keyfileData(@Nullable String pem) {
            return parameter("keyfile_data", pem);
        }

        /**
         * Sets {@code keyfilePassword}, the password of an encrypted private key.
         *
         * @param password the password
         * @return this builder
         */
        public Builder keyfilePassword(@Nullable String password) {
            return parameter("keyfilePassword", password);
        }

        /**
         * Sets {@code trustStore}, the key store with the trusted certificates.
         *
         * @param file a PKCS12 or JKS file
         * @return this builder
         */
        public Builder trustStore(@Nullable Path file) {
            return parameter("trustStore", file);
        }

        /**
         * Sets {@code trustStoreType}, the type of the trust store.
         *
         * @param type {@code PKCS12} or {@code JKS}
         * @return this builder
         */
        public Builder trustStoreType(@Nullable String type) {
            return parameter("trustStoreType", type);
        }

        /**
         * Sets {@code trustStorePassword}, the password of the trust store.
         *
         * @param password the password
         * @return this builder
         */
        public Builder trustStorePassword(@Nullable String password) {
            return parameter("trustStorePassword", password);
        }

        /**
         * Sets {@code keyStore}, the key store with the client's certificate and its private key.
         *
         * @param file a PKCS12 or JKS file
         * @return this builder
         */
        public Builder keyStore(@Nullable Path file) {
            return parameter("keyStore", file);
        }

        /**
         * Sets {@code keyStoreType}, the type of the key store.
         *
         * @param type {@code PKCS12} or {@code JKS}
         * @return this builder
         */
        public Builder keyStoreType(@Nullable String type) {
            return parameter("keyStoreType", type);
        }

        /**
         * Sets {@code keyStorePassword}, the password of the key store and of the key in it.
         *
         * @param password the password
         * @return this builder
         */
        public Builder keyStorePassword(@Nullable String password) {
            return parameter("keyStorePassword", password);
        }

        /**
         * Sets {@code keyStoreAlias}, which selects one key of the key store.
         *
         * @param alias the alias of the key
         * @return this builder
         */
        public Builder keyStoreAlias(@Nullable String alias) {
            return parameter("keyStoreAlias", alias);
        }

        /**
         * Sets {@code pkcs11}, a private key in a token, instead of a key file.
         *
         * @param token the content of the map {@code pkcs11}
         * @return this builder
         */
        public Builder pkcs11(@Nullable Map<String, ?> token) {
            return parameter("pkcs11", token);
        }

        /**
         * Sets {@code check_hostname}, whether the broker's certificate must have the broker's name.
         *
         * @param check false omits the check of the name only
         * @return this builder
         */
        public Builder checkHostname(@Nullable Boolean check) {
            return parameter("check_hostname", check);
        }

        /**
         * Sets {@code allow_common_name}, whether a common name is accepted if the certificate has no {@code subjectAltName}.
         *
         * @param allow false refuses such a certificate
         * @return this builder
         */
        public Builder allowCommonName(@Nullable Boolean allow) {
            return parameter("allow_common_name", allow);
        }

        /**
         * Sets {@code pin_sha256}, the only public keys that the broker's certificate may have.
         *
         * @param pins the SHA-256 of each key; without any, the parameter is not set
         * @return this builder
         */
        public Builder pinSha256(String... pins) {
            return list("pin_sha256", Objects.requireNonNull(pins, "pins"));
        }

        /**
         * Sets {@code crl_file}, the file with the certificate revocation lists of the authorities.
         *
         * @param file a PEM or DER file
         * @return this builder
         */
        public Builder crlFile(@Nullable Path file) {
            return parameter("crl_file", file);
        }

        /**
         * Sets {@code ciphers}, the only cipher suites that are allowed.
         *
         * @param suites the names that OpenSSL or Java uses; without any, the parameter is not set
         * @return this builder
         */
        public Builder ciphers(String... suites) {
            return list("ciphers", Objects.requireNonNull(suites, "suites"));
        }

        /**
         * Sets {@code tls_version}, the version of TLS.
         *
         * @param version {@code TLSv1.2}, {@code TLSv1.3} or {@code TLS} for either
         * @return this builder
         */
        public Builder tlsVersion(@Nullable String version) {
            return parameter("tls_version", version);
        }

        /**
         * Sets {@code alpn}, the protocols that the client offers in the handshake (ALPN).
         *
         * @param protocols for instance {@code mqtt}; without any, the parameter is not set
         * @return this builder
         */
        public Builder alpn(String... protocols) {
            return list("alpn", Objects.requireNonNull(protocols, "protocols"));
        }

        private Builder list(String name, String[] values) {
            return parameter(name, values.length == 0 ? null : Arrays.asList(values.clone()));
        }

        /**
         * Sets a parameter inside {@code tls} by its name.
         *
         * @param name the name of the parameter in a configuration file
         * @param value a value as the builders of clients accept it; if it is null, the parameter is not set
         * @return this builder
         */
        public Builder parameter(String name, @Nullable Object value) {
            if (value == null) {
                parameters.remove(Objects.requireNonNull(name, "name"));
            } else {
                parameters.put(Objects.requireNonNull(name, "name"), value);
            }
            return this;
        }

        /**
         * Makes the parameter. The builder can be reused.
         *
         * @return the parameter
         */
        public Tls build() {
            return new Tls(this);
        }
    }
}
