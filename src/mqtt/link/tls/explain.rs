//! What went wrong with TLS, in words that help.

use std::io;

use rustls::pki_types::UnixTime;
use rustls::{AlertDescription, CertificateError, Error};

use super::identify::Asked;
use crate::error::Cause;

/// Why the handshake failed.
pub(super) fn handshake(error: &io::Error, asked: Asked) -> String {
    match (error.kind(), cause(error)) {
        (io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset, _) => {
            format!(
                "the peer closed the connection during the handshake ({error}); is this a TLS port? If it is not, leave out 'tls'"
            )
        }
        // Before TLS 1.3 there is no alert of its own for this.
        (_, Some(Error::AlertReceived(AlertDescription::HandshakeFailure))) if asked == Asked::InVain => {
            alert(AlertDescription::CertificateRequired)
        }
        (_, Some(Error::AlertReceived(AlertDescription::HandshakeFailure))) if asked == Asked::Served => {
            alert(AlertDescription::BadCertificate)
        }
        _ => explain(error),
    }
}

pub(super) fn kind(error: &io::Error) -> Cause {
    match cause(error) {
        Some(Error::InvalidCertificate(_)) => Cause::Certificate,
        _ => Cause::Tls,
    }
}

/// What went wrong on a socket.
pub(crate) fn explain(error: &io::Error) -> String {
    match cause(error) {
        None => error.to_string(),
        Some(Error::InvalidCertificate(reason)) => certificate(reason),
        Some(Error::InvalidMessage(_)) => {
            format!("the peer does not speak TLS ({error}); this looks like a port without it: leave out 'tls'")
        }
        Some(Error::AlertReceived(description)) => alert(*description),
        Some(Error::PeerIncompatible(what)) => {
            format!("the broker and this client have no version or cipher suite of TLS in common ({what:?})")
        }
        Some(other) => other.to_string(),
    }
}

fn cause(error: &io::Error) -> Option<&Error> {
    error.get_ref().and_then(|cause| cause.downcast_ref())
}

/// Why the broker's certificate is refused.
fn certificate(reason: &CertificateError) -> String {
    const WHO: &str = "the broker's certificate";
    match reason {
        CertificateError::UnknownIssuer => format!("{WHO} is not signed by a trusted authority; check 'ca_certs'"),
        CertificateError::ExpiredContext { not_after, .. } => {
            format!("{WHO}, or one in its chain, has expired: it was valid until {}", date(*not_after))
        }
        CertificateError::NotValidYetContext { not_before, .. } => format!(
            "{WHO}, or one in its chain, is not valid yet: it will be from {}; is this machine's clock right?",
            date(*not_before)
        ),
        CertificateError::NotValidForNameContext { expected, presented } => {
            let names: Vec<String> = presented.iter().map(|name| plain(name)).collect();
            let names = match names.is_empty() {
                true => "it has no name at all (subjectAltName)".to_owned(),
                false => format!("it is for {}", names.join(", ")),
            };
            format!("{WHO} is not for '{}': {names}; check 'brokers', or see 'check_hostname'", expected.to_str())
        }
        CertificateError::BadSignature => format!("{WHO} is refused: its signature is not the trusted authority's"),
        CertificateError::InvalidPurposeContext { .. } | CertificateError::InvalidPurpose => {
            format!("{WHO} is refused: it was not made for servers (extendedKeyUsage lacks serverAuth)")
        }
        other => match format!("{other:?}").contains("CaUsedAsEndEntity") {
            true => format!(
                "{WHO} is refused: it is the certificate of an authority (CA:TRUE); the broker needs one that is \
                 signed by it"
            ),
            false => format!("{WHO} is refused: {other}"),
        },
    }
}

/// `DnsName("x")` and `IpAddress(x)` without what is around the name.
fn plain(name: &str) -> String {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')')).unwrap_or(name);
    let plain: String = inner.trim_matches('"').chars().filter(|c| !c.is_control()).take(255).collect();
    format!("'{plain}'")
}

/// What the broker's alert means for this client.
fn alert(description: AlertDescription) -> String {
    use AlertDescription as Alert;
    let meaning = match description {
        Alert::CertificateRequired => {
            "it wants a client certificate: give 'certfile' and 'keyfile', or from Java 'keyStore', in 'tls'"
        }
        Alert::UnknownCA => "it does not know the authority that signed the client's certificate",
        Alert::CertificateExpired => "the client's certificate has expired",
        Alert::CertificateRevoked => "the client's certificate is revoked",
        Alert::BadCertificate | Alert::UnsupportedCertificate | Alert::CertificateUnknown => {
            "the client's certificate does not satisfy it"
        }
        Alert::AccessDenied => "the client's certificate gives no access",
        Alert::ProtocolVersion => "it speaks none of the versions of TLS that this client may; see 'tls_version'",
        Alert::HandshakeFailure | Alert::InsufficientSecurity => {
            "it has no cipher suite in common with this client; see 'ciphers' and 'tls_version'"
        }
        Alert::UnrecognisedName => "it does not know the host name",
        _ => return format!("the broker refused: TLS alert {description:?}"),
    };
    format!("the broker refused: {meaning} (TLS alert {description:?})")
}

/// A day and a time, in UTC.
fn date(time: UnixTime) -> String {
    let seconds = time.as_secs();
    let (mut days, of_day) = (seconds / 86_400, seconds % 86_400);
    let mut year = 1970;
    let is_leap = |year: u64| (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    // Certificates end with the year 9999 at the latest.
    while days >= 365 + u64::from(is_leap(year)) && year < 9999 {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year}-{month:02}-{:02} {hour:02}:{minute:02}:{second:02} UTC", days + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

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
        ] {
            assert_eq!(date(UnixTime::since_unix_epoch(Duration::from_secs(seconds))), expected);
        }
        date(UnixTime::since_unix_epoch(Duration::from_secs(u64::MAX)));
    }

    #[test]
    fn names_are_shown_plainly() {
        for (shown, expected) in
            [("DnsName(\"*.example.org\")", "'*.example.org'"), ("IpAddress(::1)", "'::1'"), ("odd", "'odd'")]
        {
            assert_eq!(plain(shown), expected);
        }
    }

    #[test]
    fn before_tls_1_3_a_missing_certificate_is_told_by_another_alert() {
        let refused = || io::Error::other(Error::AlertReceived(AlertDescription::HandshakeFailure));
        assert!(handshake(&refused(), Asked::Nothing).contains("cipher suite"));
        assert!(handshake(&refused(), Asked::InVain).contains("wants a client certificate"));
        assert!(handshake(&refused(), Asked::Served).contains("does not satisfy it"));
    }
}
