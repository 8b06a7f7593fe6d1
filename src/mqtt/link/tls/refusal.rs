//! The reasons for which this client refuses a certificate that rustls would accept.

use std::fmt;
use std::sync::Arc;

use base64ct::{Base64, Encoding};
use rustls::pki_types::UnixTime;
use rustls::{CertificateError, OtherError};

use super::certificate::date;
use crate::config::Pin;

#[derive(Debug)]
pub(super) enum Refusal {
    Signs,
    CommonName,
    ConstrainedCommonName,
    Authority,
    AuthorityNotYet(UnixTime),
    AuthorityExpired(UnixTime),
    AuthorityPurpose,
    Pin(Pin),
}

impl std::error::Error for Refusal {}

impl From<Refusal> for CertificateError {
    fn from(refusal: Refusal) -> CertificateError {
        CertificateError::Other(OtherError(Arc::new(refusal)))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Signs => f.write_str("its key is not for signatures (keyUsage lacks digitalSignature)"),
            Refusal::CommonName => {
                f.write_str("it has no subjectAltName, and its common name does not count (allow_common_name)")
            }
            Refusal::ConstrainedCommonName => f.write_str(
                "it has no subjectAltName, and its common name does not count where an authority in its chain may sign for \
                 some names only (nameConstraints)",
            ),
            Refusal::Authority => {
                f.write_str("a certificate in its chain is not an authority's that may sign (keyUsage lacks keyCertSign)")
            }
            Refusal::AuthorityNotYet(from) => {
                write!(f, "the trusted authority of its chain is not valid yet: it will be from {}", date(*from))
            }
            Refusal::AuthorityExpired(until) => {
                write!(f, "the trusted authority of its chain has expired: it was valid until {}", date(*until))
            }
            Refusal::AuthorityPurpose => {
                f.write_str("the trusted authority of its chain is not for servers (extendedKeyUsage lacks serverAuth)")
            }
            Refusal::Pin(pin) => {
                write!(f, "its key is none of those in 'pin_sha256'; it is {}", Base64::encode_string(pin))
            }
        }
    }
}
