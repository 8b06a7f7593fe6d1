//! Unsupported forms of certificates and keys: their names, and the command that converts them to PEM.

use super::section::Section;
use crate::strangers::harmless;

const PKCS12: &str = "is PKCS #12 (.p12, .pfx), but PEM is expected: 'openssl pkcs12 -in FILE -nodes -out NEW' makes it, with -nokeys \
     for the certificates only, and with -legacy of an old one";
const PKCS7: &str =
    "is PKCS #7 (.p7b), but PEM certificates are expected: 'openssl pkcs7 -in FILE -print_certs -out NEW' makes them";
const PKCS7_DER: &str = "is PKCS #7 (.p7b), but PEM certificates are expected: 'openssl pkcs7 -inform DER -in FILE -print_certs -out \
     NEW' makes them";
const JAVA: &str = "is a key store of Java (JKS), but PEM is expected: 'keytool -importkeystore -srckeystore FILE -destkeystore NEW.p12 \
     -deststoretype PKCS12' and then 'openssl pkcs12 -in NEW.p12 -nodes -out NEW' make it";
const REQUEST: &str =
    "is a request for a certificate (CSR), but the certificate is expected that the authority has made of it";
const DAMAGED: &str = "is DER of a kind that is not known, or damaged: a certificate or key is expected, in PEM or DER";

/// Names a DER file that holds neither a certificate nor a key.
pub(super) fn der(der: &[u8]) -> &'static str {
    // The identifier of signedData (RFC 2315) and the version of PKCS #12 (RFC 7292), which follow the header.
    const SIGNED_DATA: [u8; 11] = [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02];
    const VERSION: [u8; 4] = [0x02, 0x01, 0x03, 0x30];
    let content = match der.get(1) {
        Some(length) if *length < 0x80 => der.get(2..),
        Some(length) => der.get(2 + usize::from(length & 0x7F)..),
        None => None,
    };
    match content.unwrap_or_default() {
        content if content.starts_with(&SIGNED_DATA) => PKCS7_DER,
        content if content.starts_with(&VERSION) => PKCS12,
        _ if x509_cert::der::Decode::from_der(der).is_ok_and(|_: x509_cert::request::CertReq| true) => REQUEST,
        _ => DAMAGED,
    }
}

/// Names a file that is neither PEM nor DER, if it is known.
pub(super) fn other(bytes: &[u8]) -> Option<&'static str> {
    const MAGIC: [[u8; 4]; 2] = [[0xFE, 0xED, 0xFE, 0xED], [0xCE, 0xCE, 0xCE, 0xCE]];
    MAGIC.iter().any(|magic| bytes.starts_with(magic)).then_some(JAVA)
}

/// Describes the content of a PEM file in which `wanted` is missing.
pub(crate) fn instead(sections: &[Section], wanted: &str) -> String {
    let labels: Vec<&str> = sections.iter().map(|section| section.label.as_str()).collect();
    let has = |label: &str| labels.contains(&label);
    match () {
        () if has("PKCS7") || has("CMS") => PKCS7.into(),
        () if has("CERTIFICATE REQUEST") || has("NEW CERTIFICATE REQUEST") => REQUEST.into(),
        () if labels.is_empty() => format!("no {wanted} in it, in PEM or DER"),
        () => {
            let labels: Vec<String> = labels.iter().map(|label| format!("'{}'", harmless(label, 60))).collect();
            format!("no {wanted} in it, in PEM or DER; what it holds is {}", labels.join(", "))
        }
    }
}
