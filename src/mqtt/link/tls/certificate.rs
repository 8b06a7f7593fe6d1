//! The statements of a certificate about itself, for people, and its common name. None of them is trusted here.

use std::net::IpAddr;
use std::time::Duration;

use crate::strangers::harmless;
use rustls::pki_types::{CertificateDer, UnixTime};
use x509_cert::der::{Decode, asn1::ObjectIdentifier};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const MD5_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.4");
const SHA1_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5");
const SHA1_WITH_ECDSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.1");
/// The most characters of a text that are shown.
const MAX_SHOWN: usize = 255;

#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub subject: String,
    pub issuer: String,
    pub common_name: Option<String>,
    /// The names in the subjectAltName; `None` without that extension. An extension that can't be read has none.
    pub names: Option<Vec<String>>,
    /// The number of bits of an RSA key.
    pub rsa_bits: Option<usize>,
    /// The name of a signature algorithm that nobody should trust any longer.
    pub weak_signature: Option<&'static str>,
}

impl Facts {
    /// Reads the facts. `None` means that this is not a certificate that can be read.
    pub fn of(certificate: &CertificateDer<'_>) -> Option<Facts> {
        let parsed = x509_cert::Certificate::from_der(certificate).ok()?;
        let tbs = parsed.tbs_certificate();
        let key = tbs.subject_public_key_info();
        let rsa_bits = (key.algorithm.oid == RSA)
            .then(|| rsa::pkcs1::RsaPublicKeyRef::try_from(key.subject_public_key.raw_bytes()).ok())
            .flatten()
            .map(|key| bits(key.modulus.as_bytes()));
        let names = match tbs.get_extension::<SubjectAltName>() {
            Ok(found) => found.map(|(_, names)| names.0.iter().filter_map(name).collect()),
            Err(_) => Some(Vec::new()),
        };
        Some(Facts {
            subject: shown(tbs.subject()),
            issuer: shown(tbs.issuer()),
            common_name: tbs.subject().common_name().ok().flatten().map(|name| name.value().into_owned()),
            names,
            rsa_bits,
            weak_signature: match parsed.signature_algorithm().oid {
                MD5_WITH_RSA => Some("MD5"),
                SHA1_WITH_RSA | SHA1_WITH_ECDSA => Some("SHA-1"),
                _ => None,
            },
        })
    }

    pub fn is_self_signed(&self) -> bool {
        self.subject == self.issuer
    }

    /// Returns whether the common name, which counts only if there is no subjectAltName at all, is this host's (RFC 6125,
    /// section 6.4.4).
    pub fn common_name_fits(&self, host: &str) -> bool {
        let (None, Some(own)) = (&self.names, &self.common_name) else { return false };
        if host.parse::<IpAddr>().is_ok() {
            return false;
        }
        let host = host.trim_end_matches('.');
        match own.strip_prefix("*.") {
            None => own.eq_ignore_ascii_case(host),
            // The asterisk stands for one label, and the rest must be more than a top-level domain.
            Some(rest) => {
                rest.contains('.') && host.split_once('.').is_some_and(|(_, domain)| domain.eq_ignore_ascii_case(rest))
            }
        }
    }

    /// Describes whom the certificate is for, and who issued it.
    pub fn describe(&self) -> String {
        let names = match (&self.names, &self.common_name) {
            (Some(names), _) if !names.is_empty() => names.join(", "),
            (_, Some(name)) => format!("'{}', as its common name only", printable(name)),
            _ => "nobody".into(),
        };
        match self.is_self_signed() {
            true => format!("it is for {names}, and self-signed"),
            false => format!("it is for {names}, issued by '{}'", self.issuer),
        }
    }
}

fn bits(number: &[u8]) -> usize {
    let significant = number.iter().skip_while(|byte| **byte == 0).count();
    let first = number.iter().find(|byte| **byte != 0).map_or(0, |byte| byte.leading_zeros() as usize);
    significant * 8 - first
}

fn name(name: &GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(format!("'{}'", printable(name.as_str()))),
        GeneralName::IpAddress(bytes) => match bytes.as_bytes() {
            [a, b, c, d] => Some(format!("'{}'", IpAddr::from([*a, *b, *c, *d]))),
            bytes => <[u8; 16]>::try_from(bytes).ok().map(|bytes| format!("'{}'", IpAddr::from(bytes))),
        },
        _ => None,
    }
}

fn shown(name: &Name) -> String {
    printable(&name.to_string())
}

/// Makes a text harmless, since strangers chose it.
fn printable(text: &str) -> String {
    harmless(text, MAX_SHOWN)
}

/// Formats a date and time in UTC.
pub(super) fn date(time: UnixTime) -> String {
    match x509_cert::der::DateTime::from_unix_duration(Duration::from_secs(time.as_secs())) {
        Ok(date) => {
            let (year, month, day) = (date.year(), date.month(), date.day());
            format!("{year}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC", date.hour(), date.minutes(), date.seconds())
        }
        Err(_) => "after the year 9999".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_868_799, "2000-02-29 23:59:59 UTC"),
            (1_577_836_799, "2019-12-31 23:59:59 UTC"),
            (1_709_164_800, "2024-02-29 00:00:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
            (253_402_300_799, "9999-12-31 23:59:59 UTC"),
            (253_402_300_800, "after the year 9999"),
        ] {
            assert_eq!(date(UnixTime::since_unix_epoch(Duration::from_secs(seconds))), expected);
        }
    }

    #[test]
    fn common_names_count_only_where_there_is_no_other() {
        let facts = |common_name: &str, names: Option<Vec<String>>| Facts {
            subject: String::new(),
            issuer: String::new(),
            common_name: Some(common_name.into()),
            names,
            rsa_bits: None,
            weak_signature: None,
        };
        for (common_name, host, fits) in [
            ("broker.example.org", "broker.example.org", true),
            ("Broker.Example.org", "broker.EXAMPLE.org.", true),
            ("broker.example.org", "other.example.org", false),
            ("*.example.org", "broker.example.org", true),
            ("*.example.org", "a.b.example.org", false),
            ("*.example.org", "example.org", false),
            ("*.org", "example.org", false),
            ("*", "localhost", false),
            ("127.0.0.1", "127.0.0.1", false),
        ] {
            assert_eq!(facts(common_name, None).common_name_fits(host), fits, "{common_name} {host}");
        }
        assert!(!facts("localhost", Some(Vec::new())).common_name_fits("localhost"));
    }
}
