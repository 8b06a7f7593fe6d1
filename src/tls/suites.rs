//! The names of cipher suites and protocol versions.

use super::provider::cipher_suite as suite;
use crate::strangers::harmless;
use rustls::SupportedCipherSuite;
use rustls::SupportedProtocolVersion;
use rustls::version::{TLS12, TLS13};

/// A suite with the name that JSSE and IANA give it, and with OpenSSL's.
type Row = (SupportedCipherSuite, &'static str, &'static str);

/// All suites that the engine supports.
const SUITES: &[Row] = &[
    (suite::TLS13_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384"),
    (suite::TLS13_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
    (suite::TLS13_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256"),
    (
        suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
    ),
    (
        suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
    ),
    (
        suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
    ),
    (
        suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
    ),
    (
        suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
    ),
    (
        suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "ECDHE-RSA-CHACHA20-POLY1305",
    ),
];

/// Returns the suite of that name, or an error message if there is none.
pub(crate) fn suite(name: &str) -> Result<SupportedCipherSuite, String> {
    let found = SUITES.iter().find(|(_, iana, openssl)| {
        // JSSE's older names begin with SSL_, because they are from before TLS had its name.
        let name = name.strip_prefix("SSL_").map_or(name.to_owned(), |rest| format!("TLS_{rest}"));
        name.eq_ignore_ascii_case(iana) || name.eq_ignore_ascii_case(openssl)
    });
    found.map(|(suite, ..)| *suite).ok_or_else(|| {
        let supported: Vec<&str> = SUITES.iter().map(|(_, _, openssl)| *openssl).collect();
        format!(
            "'{}' is not supported (neither are groups such as HIGH or !aNULL; RSA key exchange, CBC and older ciphers \
             are not safe enough); supported: {}, and the same under their names in Java",
            shortened(name),
            supported.join(", ")
        )
    })
}

/// The versions of TLS that may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Versions {
    #[default]
    Any,
    Tls12,
    Tls13,
}

impl Versions {
    pub fn list(self) -> &'static [&'static SupportedProtocolVersion] {
        static ALL: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
        match self {
            Versions::Any => &ALL,
            Versions::Tls13 => &ALL[..1],
            Versions::Tls12 => &ALL[1..],
        }
    }

    /// Returns true if the suite belongs to one of the versions.
    pub fn have(self, suite: &SupportedCipherSuite) -> bool {
        self.list().contains(&suite.version())
    }

    pub fn name(self) -> &'static str {
        match self {
            Versions::Any => "TLS",
            Versions::Tls12 => "TLSv1.2",
            Versions::Tls13 => "TLSv1.3",
        }
    }
}

/// Returns the versions under a name of JSSE or of Python's `ssl`, or an error message if the name is not that of a supported
/// one.
pub(crate) fn version(name: &str) -> Result<Versions, String> {
    const EXPECTED: &str = "expected TLSv1.2, TLSv1.3 or TLS (either of them)";
    let upper = name.to_ascii_uppercase();
    let plain = upper.strip_prefix("PROTOCOL_").unwrap_or(&upper).replace('_', ".");
    match plain.as_str() {
        "TLS" | "TLS.CLIENT" => Ok(Versions::Any),
        "TLSV1.2" => Ok(Versions::Tls12),
        "TLSV1.3" => Ok(Versions::Tls13),
        old if old.starts_with("TLSV1") || old.starts_with("SSLV") => {
            Err(format!("'{}' is not spoken, because it is not safe any more; {EXPECTED}", shortened(name)))
        }
        _ => Err(format!("{EXPECTED}, found '{}'", shortened(name))),
    }
}

fn shortened(name: &str) -> String {
    harmless(name, 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_of_the_provider_has_both_names() {
        let provider = crate::tls::provider::default_provider();
        assert_eq!(SUITES.len(), provider.cipher_suites.len());
        for known in &provider.cipher_suites {
            let row = SUITES.iter().find(|(suite, ..)| suite == known).expect("a row");
            // rustls's name for suites of TLS 1.3 differs from the standard's.
            let name = format!("{:?}", known.suite()).replace("TLS13_", "TLS_");
            assert_eq!(row.1, name);
            assert_eq!(suite(row.1), Ok(*known));
            assert_eq!(suite(row.2), Ok(*known));
            assert_eq!(suite(&row.2.to_lowercase()), Ok(*known));
        }
    }

    #[test]
    fn what_is_not_spoken_is_refused_by_name() {
        for name in ["AES128-SHA", "TLS_RSA_WITH_AES_128_CBC_SHA", "HIGH", "!aNULL", "NULL", "", "@SECLEVEL=0"] {
            let message = suite(name).unwrap_err();
            assert!(message.contains(&format!("'{name}'")) && message.contains("ECDHE-RSA"), "{message}");
        }
        for name in ["TLSv1", "TLSv1.1", "SSLv3", "PROTOCOL_TLSv1", "PROTOCOL_TLSv1_1", "PROTOCOL_SSLv23", "TLSv1.4"] {
            assert!(version(name).unwrap_err().contains(&format!("'{name}' is not spoken")), "{name}");
        }
        for name in ["", "1.2", "DTLSv1.2", "PROTOCOL_TLS_SERVER", "PROTOCOL_"] {
            assert!(version(name).unwrap_err().starts_with("expected TLSv1.2"), "{name}");
        }
    }

    #[test]
    fn versions_have_several_names() {
        for (name, expected) in [
            ("TLSv1.2", Versions::Tls12),
            ("PROTOCOL_TLSv1_2", Versions::Tls12),
            ("tlsv1.3", Versions::Tls13),
            ("PROTOCOL_TLSv1_3", Versions::Tls13),
            ("TLS", Versions::Any),
            ("PROTOCOL_TLS", Versions::Any),
            ("PROTOCOL_TLS_CLIENT", Versions::Any),
        ] {
            assert_eq!(version(name), Ok(expected), "{name}");
        }
    }
}
