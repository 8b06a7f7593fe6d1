//! Certificates and keys in DER without PEM around them.

use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use sec1::EcPrivateKey;
use x509_cert::Certificate;
use x509_cert::der::{Decode, Reader, SliceReader};
use x509_cert::spki::SubjectPublicKeyInfoRef;

use super::foreign;
use super::section::Section;

/// Returns the sections of a DER file, of which several may follow each other. `None` if it is not DER; a text may begin with a
/// digit that looks like it.
pub(super) fn sections(bytes: &[u8]) -> Option<Result<Vec<Section>, String>> {
    const SEQUENCE: u8 = 0x30;
    if bytes.first() != Some(&SEQUENCE) {
        return None;
    }
    let mut reader = SliceReader::new(bytes).ok()?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        found.push(reader.tlv_bytes().ok()?);
    }
    Some(found.into_iter().map(section).collect())
}

fn section(der: &[u8]) -> Result<Section, String> {
    let label = match () {
        () if Certificate::from_der(der).is_ok() => "CERTIFICATE",
        () if PrivateKeyInfoRef::try_from(der).is_ok() => "PRIVATE KEY",
        () if EncryptedPrivateKeyInfoRef::try_from(der).is_ok() => "ENCRYPTED PRIVATE KEY",
        () if rsa::pkcs1::RsaPrivateKeyRef::try_from(der).is_ok() => "RSA PRIVATE KEY",
        () if EcPrivateKey::from_der(der).is_ok() => "EC PRIVATE KEY",
        () if SubjectPublicKeyInfoRef::from_der(der).is_ok() => "PUBLIC KEY",
        () if rsa::pkcs1::RsaPublicKeyRef::try_from(der).is_ok() => "RSA PUBLIC KEY",
        () => return Err(foreign::der(der).to_owned()),
    };
    Ok(Section { label: label.into(), headers: Vec::new(), body: der.to_vec().into() })
}
