//! A section of a file: a certificate, a key or anything else, before it is parsed.

use x509_cert::der::asn1::AnyRef;
use x509_cert::der::{Decode, Reader, SliceReader};
use zeroize::Zeroizing;

/// The label that `openssl x509 -trustout` writes.
const TRUSTED: &str = "TRUSTED CERTIFICATE";

/// The content between a BEGIN and its END, or what would be there if DER were PEM.
pub(crate) struct Section {
    pub label: String,
    /// The headers `Name: value`.
    pub headers: Vec<(String, String)>,
    /// The bytes, which may be a private key.
    pub body: Zeroizing<Vec<u8>>,
}

impl Section {
    pub fn is_certificate(&self) -> bool {
        matches!(self.label.as_str(), "CERTIFICATE" | "X509 CERTIFICATE" | TRUSTED)
    }

    /// Returns the DER of a certificate. In a TRUSTED CERTIFICATE, the purposes that it is trusted for follow the certificate.
    pub fn certificate(&self) -> &[u8] {
        match self.label.as_str() {
            TRUSTED => self.halves().map_or(&self.body[..], |(certificate, _)| certificate),
            _ => &self.body,
        }
    }

    /// Returns whether OpenSSL was told (`-addtrust`, `-addreject`) to trust the certificate only for other purposes than
    /// servers.
    pub fn is_not_for_servers(&self) -> bool {
        // The purposes serverAuth and anyExtendedKeyUsage in DER.
        const PURPOSES: [&[u8]; 2] = [&[6, 8, 0x2B, 6, 1, 5, 5, 7, 3, 1], &[6, 4, 0x55, 0x1D, 0x25, 0]];
        let Some((_, trust)) = self.halves().filter(|_| self.label == TRUSTED) else { return false };
        let has = |list: &[u8]| PURPOSES.iter().any(|one| list.windows(one.len()).any(|part| part == *one));
        let Ok(settings) = AnyRef::from_der(trust) else { return false };
        let Ok(mut reader) = SliceReader::new(settings.value()) else { return false };
        while let Ok(list) = reader.tlv_bytes() {
            match list.first() {
                // The first list has the trusted purposes, the second the rejected ones.
                Some(0x30) if !has(list) => return true,
                Some(0xA0) if has(list) => return true,
                _ => {}
            }
        }
        false
    }

    fn halves(&self) -> Option<(&[u8], &[u8])> {
        let length = SliceReader::new(&self.body).ok()?.tlv_bytes().ok()?.len();
        self.body.split_at_checked(length)
    }

    pub fn is_revocation_list(&self) -> bool {
        self.label == "X509 CRL"
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}
