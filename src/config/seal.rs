//! Encrypts a value for a configuration, in the form that `secret` decrypts. Only the command needs it: programs only decrypt.

use std::path::Path;

use aes::Aes256;
use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::consts::U12;
use aes_gcm::{AesGcm, KeyInit};
use base64ct::{Base64, Encoding};
use getrandom::SysRng;
use rsa::Oaep;
use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::pkcs8::DecodePublicKey;
use rsa::traits::PublicKeyParts;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::secret::{HEADER, IV};
use crate::files;
use crate::keys::pem;
use crate::keys::private;

/// Shorter keys can be broken by an attacker with enough money.
const MIN_BITS: usize = 2048;

/// The public key that encrypts values.
#[derive(Debug)]
pub(crate) struct PublicKey {
    key: rsa::PublicKey,
}

impl PublicKey {
    /// Reads a file: PUBLIC KEY or RSA PUBLIC KEY, in PEM or DER.
    pub fn read(file: &Path) -> Result<PublicKey, String> {
        let name = file.display();
        let text =
            files::read(file, files::MAX_BYTES).map_err(|e| format!("the public key {name} can't be read: {e}"))?;
        PublicKey::parse(&text, &name.to_string())
    }

    /// Parses a key. `name` is the name of its file.
    fn parse(text: &[u8], name: &str) -> Result<PublicKey, String> {
        if text.starts_with(b"ssh-rsa ") {
            return Err(format!(
                "{name} has a public key in OpenSSH's form, expected PEM: 'ssh-keygen -e -m PKCS8 -f {name}' makes it"
            ));
        }
        let sections = pem::sections(text).map_err(|what| format!("the public key {name} {what}"))?;
        if sections.iter().any(private::is_key) {
            return Err(format!(
                "{name} has a private key, expected the public one: 'openssl pkey -in {name} -pubout' makes it"
            ));
        }
        let found = sections.iter().find_map(|section| match section.label.as_str() {
            "PUBLIC KEY" => Some(rsa::PublicKey::from_public_key_der(&section.body).map_err(|e| e.to_string())),
            "RSA PUBLIC KEY" => Some(rsa::PublicKey::from_pkcs1_der(&section.body).map_err(|e| e.to_string())),
            _ => None,
        });
        let found = found.ok_or_else(|| format!("{name} has no public key, expected one of RSA, in PEM or DER"))?;
        let key = found.map_err(|what| format!("the public key {name} can't be used, expected one of RSA: {what}"))?;
        match key.n().bit_width_vartime() as usize {
            MIN_BITS.. => Ok(PublicKey { key }),
            bits => Err(format!("the public key {name} has {bits} bits, expected at least {MIN_BITS}")),
        }
    }

    /// Encrypts a value, and returns the text that follows the tag in the file.
    pub fn seal(&self, value: &[u8]) -> Result<String, String> {
        let no_random = |e: getrandom::Error| format!("the system's random numbers are not available: {e}");
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut key[..]).map_err(no_random)?;
        let mut iv = [0; IV];
        getrandom::fill(&mut iv).map_err(no_random)?;
        let wrapped = self.key.encrypt(&mut SysRng, Oaep::<Sha256>::new(), &key[..]).map_err(|e| e.to_string())?;
        let mut blob = [&HEADER[..], &wrapped, &iv].concat();
        let mut text = Zeroizing::new(value.to_vec());
        let gcm = AesGcm::<Aes256, U12>::new_from_slice(&key[..]).map_err(|e| e.to_string())?;
        let tag = gcm
            .encrypt_inout_detached((&iv).into(), &blob, text.as_mut_slice().into())
            .map_err(|_| "the value is too long".to_owned())?;
        blob.extend_from_slice(&text);
        blob.extend_from_slice(&tag);
        Ok(Base64::encode_string(&blob))
    }
}

#[cfg(test)]
mod tests {
    use rsa::pkcs1::{DecodeRsaPrivateKey, EncodeRsaPublicKey};
    use rsa::pkcs8::{EncodePublicKey, LineEnding};

    use super::super::secret;
    use super::*;

    fn private_pem() -> String {
        let vectors: serde_json::Value = serde_json::from_str(include_str!("../../tests/data/vectors.json")).unwrap();
        vectors["rsa"]["private_key_pem"].as_str().unwrap().to_owned()
    }

    fn public() -> rsa::PublicKey {
        rsa::PrivateKey::from_pkcs1_pem(&private_pem()).unwrap().as_public_key().clone()
    }

    #[test]
    fn what_is_sealed_is_opened_and_each_time_another_text() {
        let opener = secret::PrivateKey::parse(private_pem().as_bytes(), "key", None).unwrap();
        let spki = public().to_public_key_pem(LineEnding::LF).unwrap();
        let pkcs1 = public().to_pkcs1_pem(LineEnding::CRLF).unwrap();
        let spki_der = public().to_public_key_der().unwrap().into_vec();
        let pkcs1_der = public().to_pkcs1_der().unwrap().into_vec();
        for text in [spki.into_bytes(), pkcs1.into_bytes(), spki_der, pkcs1_der] {
            let key = PublicKey::parse(&text, "a.pem").unwrap();
            for value in [&b""[..], b"user01-pass", &[0xFF; 5000]] {
                let (one, other) = (key.seal(value).unwrap(), key.seal(value).unwrap());
                assert_ne!(one, other);
                assert_eq!(opener.open(&one).unwrap(), value);
                assert_eq!(opener.open(&other).unwrap(), value);
            }
        }
    }

    #[test]
    fn another_file_is_told_with_what_makes_the_right_one() {
        let told = |text: &str| PublicKey::parse(text.as_bytes(), "a.pem").unwrap_err();
        assert!(told(&private_pem()).contains("openssl pkey -in a.pem -pubout"), "{}", told(&private_pem()));
        assert!(told("ssh-rsa AAAA me").contains("ssh-keygen -e -m PKCS8 -f a.pem"));
        assert!(told("hello").contains("a.pem has no public key"), "{}", told("hello"));
        let elliptic = rcgen::KeyPair::generate().unwrap().public_key_pem();
        assert!(told(&elliptic).contains("expected one of RSA"), "{}", told(&elliptic));
    }
}
