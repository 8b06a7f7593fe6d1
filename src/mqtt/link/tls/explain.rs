//! Explanations of TLS errors, with advice.

use std::io;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

use super::certificate::{Facts, date};
use super::identify::Asked;
use super::refusal::Refusal;
use crate::error::Obstacle;
use crate::strangers::harmless;

const BROKERS: &str = "the broker's certificate";

/// The reason why a broker that wants a client certificate got none.
pub(super) const UNABLE: &str = "the client's key can make none of the kinds of signatures that the broker takes, so that it got no \
     certificate; an RSA key in a token ('pkcs11') without PSS can do TLS 1.2 only";

/// Explains why the handshake failed.
pub(super) fn handshake(error: &io::Error, asked: Asked, facts: Option<&Facts>) -> String {
    match (error.kind(), cause(error)) {
        (_, Some(Error::InvalidCertificate(reason))) => certificate(BROKERS, reason, facts),
        (io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset, _) => {
            format!(
                "the peer closed the connection during the handshake ({error}); is this a TLS port? If it is not, leave out 'tls'"
            )
        }
        (_, Some(Error::AlertReceived(AlertDescription::HandshakeFailure | AlertDescription::CertificateRequired)))
            if asked == Asked::Unable =>
        {
            UNABLE.into()
        }
        // Before TLS 1.3 there is no alert for a missing certificate.
        (_, Some(Error::AlertReceived(AlertDescription::HandshakeFailure))) if asked == Asked::InVain => {
            alert(AlertDescription::CertificateRequired)
        }
        (_, Some(Error::AlertReceived(AlertDescription::HandshakeFailure))) if asked == Asked::Served => {
            alert(AlertDescription::BadCertificate)
        }
        (_, Some(Error::InvalidMessage(_))) => {
            format!("the peer does not speak TLS ({error}); this looks like a port without it: leave out 'tls'")
        }
        _ => explain(error),
    }
}

pub(super) fn kind(error: &io::Error) -> Obstacle {
    match cause(error) {
        Some(Error::InvalidCertificate(_)) => Obstacle::Certificate,
        _ => Obstacle::Tls,
    }
}

/// Explains an error of a socket.
pub(crate) fn explain(error: &io::Error) -> String {
    match cause(error) {
        None => error.to_string(),
        Some(Error::InvalidCertificate(reason)) => certificate(BROKERS, reason, None),
        Some(Error::InvalidMessage(_)) => {
            format!("the peer sent data that is not TLS on a connection with TLS ({error})")
        }
        Some(Error::AlertReceived(description)) => alert(*description),
        Some(Error::PeerIncompatible(what)) => {
            format!(
                "the broker and this client have no version, cipher suite or kind of signature of TLS in common ({})",
                incompatible(what)
            )
        }
        // This is the message of a key in a token, which rustls would call unexpected.
        Some(Error::General(what)) => what.clone(),
        Some(other) => other.to_string(),
    }
}

fn incompatible(what: &PeerIncompatible) -> &'static str {
    match what {
        PeerIncompatible::ServerDoesNotSupportTls12Or13 | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig => {
            "its version of TLS; see 'tls_version'"
        }
        PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon
        | PeerIncompatible::NoSignatureSchemesInCommon => "the kinds of signatures",
        PeerIncompatible::ServerRejectedEncryptedClientHello(_) => "encrypted client hello",
        _ => "what it chose",
    }
}

fn cause(error: &io::Error) -> Option<&Error> {
    error.get_ref().and_then(|cause| cause.downcast_ref())
}

/// Explains why a certificate is refused. `facts` are the certificate's statements about itself.
pub(crate) fn certificate(who: &str, reason: &CertificateError, facts: Option<&Facts>) -> String {
    let about = facts.map(|facts| format!("; {}", facts.describe())).unwrap_or_default();
    let weak = facts.and_then(|facts| facts.weak_signature);
    match reason {
        CertificateError::UnknownIssuer => match facts {
            Some(facts) if facts.is_self_signed() => {
                format!("{who} is self-signed and not one of those in 'ca_certs': add it there{about}")
            }
            _ => format!(
                "{who} is not signed by a trusted authority; check 'ca_certs', and whether the broker sends the \
                 certificates between its own and the authority's{about}"
            ),
        },
        CertificateError::Expired => {
            format!("{who}, or one in its chain, has expired or is not valid at any time{about}")
        }
        CertificateError::ExpiredContext { not_after, .. } => format!(
            "{who}, or one in its chain, has expired: it was valid until {}; it has to be renewed{about}",
            date(*not_after)
        ),
        CertificateError::NotValidYet => format!("{who}, or one in its chain, is not valid yet{about}"),
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "{who}, or one in its chain, is not valid yet: it will be from {}; is this machine's clock right?{about}",
            date(*not_before)
        ),
        CertificateError::NotValidForName => format!("{who} is for another name; check 'brokers'{about}"),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<String> = presented.iter().map(|name| with_kind(name)).collect();
            let names = match names.is_empty() {
                true => "it has no name at all (subjectAltName)".to_owned(),
                false => format!("it is for {}", names.join(", ")),
            };
            let host = expected.to_str();
            let is_address = matches!(expected, ServerName::IpAddress(_));
            let remedy = match presented.iter().any(|name| plain(name) == format!("'{host}'")) {
                // Each kind of name counts only for its own kind (RFC 6125, appendix B.2).
                true if is_address => {
                    format!("an IP address counts only as such: it has to be made with subjectAltName=IP:{host}")
                }
                _ => "check 'brokers', or see 'check_hostname'".into(),
            };
            let kind = if is_address { " (IP address)" } else { "" };
            format!("{who} is not for '{host}'{kind}: {names}; {remedy}")
        }
        CertificateError::BadSignature => match facts.and_then(|facts| facts.rsa_bits) {
            Some(bits) if bits < 2048 => {
                format!("{who} is refused: its RSA key has {bits} bits, too few to be safe; 2048 or more are needed")
            }
            _ => format!("{who} is refused: its signature is not the trusted authority's{about}"),
        },
        CertificateError::InvalidPurposeContext { .. } | CertificateError::InvalidPurpose => {
            format!("{who} is refused: it was not made for servers (extendedKeyUsage lacks serverAuth){about}")
        }
        CertificateError::UnhandledCriticalExtension => format!(
            "{who} is refused: it, or one in its chain, has a critical extension that this client does not know{about}"
        ),
        CertificateError::UnsupportedSignatureAlgorithmContext { .. }
        | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => match weak {
            Some(weak) => format!(
                "{who} is refused: it is signed with {weak}, which is no longer safe; sign it anew with SHA-256{about}"
            ),
            None => format!(
                "{who} is refused: it, or one in its chain, has a signature of a kind that this client does not know; \
                 RSA, ECDSA with P-256 or P-384, and Ed25519 work{about}"
            ),
        },
        CertificateError::BadEncoding => format!("{who} is refused: it, or one in its chain, is damaged"),
        CertificateError::Revoked => format!("{who} is refused: its authority has revoked it ('crl_file'){about}"),
        CertificateError::UnknownRevocationStatus => format!(
            "{who} is refused: no list in 'crl_file' is of its authority, so nobody knows whether it is revoked{about}"
        ),
        CertificateError::ExpiredRevocationListContext { next_update, .. } => format!(
            "{who} is refused: the list of its authority in 'crl_file' was valid until {}, so nobody knows whether it is \
             revoked since; get the newer one{about}",
            date(*next_update)
        ),
        CertificateError::Other(other) => {
            let refusal = other.0.downcast_ref::<Refusal>().map(Refusal::to_string);
            let why =
                refusal.or_else(|| other.0.downcast_ref::<webpki::Error>().map(|error| special(error).to_owned()));
            format!("{who} is refused: {}{about}", why.as_deref().unwrap_or("for an unknown reason"))
        }
        other => format!("{who} is refused: {other}{about}"),
    }
}

/// Explains the errors for which rustls has no kind of its own.
fn special(error: &webpki::Error) -> &'static str {
    use webpki::Error;
    match error {
        Error::CaUsedAsEndEntity => {
            "it is the certificate of an authority (CA:TRUE); put it itself into 'ca_certs', or better give the broker one \
             that is signed by it"
        }
        Error::UnsupportedCertVersion => {
            "it, or one in its chain, has version 1 of X.509, which has no names; with openssl x509 -req, -extfile or \
             -copy_extensions makes one of version 3"
        }
        Error::UnsupportedCriticalExtension => {
            "it, or one in its chain, has a critical extension that this client does not know"
        }
        Error::EndEntityUsedAsCa => "a certificate in its chain is not an authority's (CA:FALSE)",
        Error::PathLenConstraintViolated => "its chain is longer than an authority in it allows (pathlen)",
        Error::NameConstraintViolation => "an authority in its chain may not sign for such a name (nameConstraints)",
        Error::EmptyEkuExtension => "its extendedKeyUsage is empty",
        Error::InvalidCrlSignatureForPublicKey | Error::IssuerNotCrlSigner => {
            "the list of its authority in 'crl_file' is not signed by it"
        }
        Error::InvalidSerialNumber => "its serial number is not valid",
        Error::SignatureAlgorithmMismatch => "it names two different algorithms for its signature",
        Error::MaximumPathBuildCallsExceeded
        | Error::MaximumPathDepthExceeded
        | Error::MaximumSignatureChecksExceeded
        | Error::MaximumNameConstraintComparisonsExceeded => "its chain is too long or too tangled",
        Error::MalformedExtensions
        | Error::ExtensionValueInvalid
        | Error::MalformedDnsIdentifier
        | Error::MalformedNameConstraint
        | Error::InvalidNetworkMaskConstraint
        | Error::UnsupportedNameType => "a name or an extension in it is damaged",
        _ => "it, or one in its chain, is not as it should be",
    }
}

/// Returns a name with its kind.
fn with_kind(name: &str) -> String {
    let kind = match name.split_once('(') {
        Some(("DnsName", _)) => " (DNS name)",
        Some(("IpAddress", _)) => " (IP address)",
        _ => "",
    };
    format!("{}{kind}", plain(name))
}

/// Returns `x` for `DnsName("x")` and for `IpAddress(x)`.
fn plain(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    format!("'{}'", harmless(inner.trim_matches('"'), 255))
}

/// Explains what the broker's alert means for this client.
fn alert(description: AlertDescription) -> String {
    use AlertDescription as Alert;
    let meaning = match description {
        Alert::CertificateRequired => {
            "it wants a client certificate: give 'certfile' and 'keyfile', 'pkcs11', or from Java 'keyStore', in 'tls'"
        }
        Alert::UnknownCA => "it does not know the authority that signed the client's certificate",
        Alert::CertificateExpired => "the client's certificate has expired",
        Alert::CertificateRevoked => "the client's certificate is revoked",
        Alert::BadCertificate | Alert::UnsupportedCertificate | Alert::CertificateUnknown => {
            "the client's certificate does not satisfy it"
        }
        Alert::DecryptError => {
            "it can't verify what the client has signed; is the client's key still the one that its certificate is for?"
        }
        Alert::AccessDenied => "the client's certificate gives no access",
        Alert::ProtocolVersion => "it speaks none of the versions of TLS that this client may use; see 'tls_version'",
        Alert::HandshakeFailure | Alert::InsufficientSecurity => {
            "it has no cipher suite in common with this client (see 'ciphers' and 'tls_version'), or a key of a kind that this \
             client does not know (P-521, DSA)"
        }
        Alert::NoApplicationProtocol => {
            "it speaks none of the protocols in 'tls.alpn', or needs one to be named there (often mqtt)"
        }
        Alert::UnrecognisedName => "it does not know the host name",
        _ => return format!("the broker refused: TLS alert {description:?}"),
    };
    format!("the broker refused: {meaning} (TLS alert {description:?})")
}
