//! Encrypted values of a configuration (`!sinetstream/encrypted`). Each is, in Base64: version (00 01), kind of the public key
//! (01: RSA), cipher (01: AES-GCM), then an AES key for the owner of the private key (RSA-OAEP, RFC 8017, section 7.1, with
//! SHA-256), an initialisation vector of 12 bytes, the encrypted value and a tag of 16 bytes, which covers everything before
//! it.

use std::path::Path;

use aes::{Aes128, Aes192, Aes256};
use aes_gcm::aead::AeadInOut;
use aes_gcm::{AesGcm, KeyInit};
use base64ct::{Base64, Base64Unpadded, Encoding};
use rsa::Oaep;
use rsa::pkcs1::DecodeRsaPrivateKey;
use rsa::pkcs8::DecodePrivateKey;
use rsa::traits::PublicKeyParts;
use rustls::pki_types::PrivateKeyDer;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::files;
use crate::keys::pem;
use crate::keys::private::{self, Problem};
use crate::wiped;

/// This environment variable holds the passphrase of the private key.
const PASSPHRASE: &str = "SINETSTREAM_PRIVATE_KEY_PASSPHRASE";
/// The default path of the private key below the home folder.
pub(super) const DEFAULT_FILE: &str = ".config/sinetstream/private_key.pem";

/// The numbers of an RSA key of 8192 bits are nine halves of 1024 bytes; the cost of computing with them grows with the third
/// power of their length.
const MAX_DER: usize = 5000;

pub(super) const HEADER: [u8; 4] = [0, 1, 1, 1];
pub(super) const IV: usize = 12;
const TAG: usize = 16;

/// Returns the passphrase of the private key, if there is one.
pub(super) fn passphrase() -> Option<Zeroizing<Vec<u8>>> {
    std::env::var_os(PASSPHRASE).map(|text| Zeroizing::new(text.into_encoded_bytes()))
}

/// The private key that decrypts values.
pub(super) struct PrivateKey {
    key: rsa::PrivateKey,
}

impl PrivateKey {
    /// Reads a file: PKCS #1 or PKCS #8, in PEM, encrypted or not.
    pub fn read(file: &Path, passphrase: Option<&[u8]>) -> Result<PrivateKey, String> {
        let name = file.display();
        let text =
            files::read(file, files::MAX_BYTES).map_err(|e| format!("the private key {name} can't be read: {e}"))?;
        PrivateKey::parse(&text, &name.to_string(), passphrase)
    }

    /// Parses a key. `name` is the name of its file.
    pub fn parse(text: &[u8], name: &str, passphrase: Option<&[u8]>) -> Result<PrivateKey, String> {
        let sections = pem::sections(text).map_err(|what| format!("the private key {name} {what}"))?;
        let section = sections.iter().find(|section| private::is_key(section));
        let section = section.ok_or_else(|| format!("{name} has no private key"))?;
        let der = private::private_key(section, passphrase).map_err(|problem| match problem {
            Problem::Password(what) => format!("{name}: {what}; it is looked for in the environment, {PASSPHRASE}"),
            Problem::Key(what) => format!("{name}: {what}"),
        })?;
        let key = wiped::on_the_stack::<{ wiped::LARGE }, _>(|| match &*der {
            der if der.secret_der().len() > MAX_DER => {
                let found = der.secret_der().len();
                Err(format!("it has {found} bytes, more than {MAX_DER}, which an RSA key of 8192 bits has at most"))
            }
            PrivateKeyDer::Pkcs1(der) => {
                rsa::PrivateKey::from_pkcs1_der(der.secret_pkcs1_der()).map_err(|e| e.to_string())
            }
            PrivateKeyDer::Pkcs8(der) => {
                rsa::PrivateKey::from_pkcs8_der(der.secret_pkcs8_der()).map_err(|e| e.to_string())
            }
            _ => Err("it is not an RSA key".into()),
        });
        Ok(PrivateKey { key: key.map_err(|what| format!("the private key {name} can't be used: {what}"))? })
    }

    /// Returns the public key's fingerprint as OpenSSH computes it, in Base64 without padding.
    pub fn fingerprint(&self) -> String {
        let mut blob = Vec::new();
        let mut put = |bytes: &[u8]| {
            blob.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
            blob.extend_from_slice(bytes);
        };
        put(b"ssh-rsa");
        for number in [self.key.e().to_be_bytes_trimmed_vartime(), self.key.n().to_be_bytes_trimmed_vartime()] {
            // RFC 4251, section 5: a number whose first bit is set gets a zero byte before it.
            let sign = number.first().is_some_and(|first| first & 0x80 != 0);
            let signed: Vec<u8> = std::iter::repeat_n(0, usize::from(sign)).chain(number.iter().copied()).collect();
            put(&signed);
        }
        Base64Unpadded::encode_string(&Sha256::digest(&blob))
    }

    /// Decrypts a value. The error message reveals nothing of it.
    pub fn open(&self, base64: &str) -> Result<Vec<u8>, &'static str> {
        wiped::on_the_stack::<{ wiped::LARGE }, _>(|| self.opened(base64))
    }

    fn opened(&self, base64: &str) -> Result<Vec<u8>, &'static str> {
        let compact: String = base64.split_ascii_whitespace().collect();
        let blob = Base64::decode_vec(&compact).map_err(|_| "is not Base64")?;
        let wrapped_end = HEADER.len() + self.key.size();
        if blob.len() < HEADER.len() || blob[..HEADER.len()] != HEADER {
            return Err("is not an encrypted value of version 1 (RSA and AES-GCM)");
        }
        if blob.len() < wrapped_end + IV + TAG {
            return Err("is too short for this private key");
        }
        let key = self.key.decrypt(Oaep::<Sha256>::new(), &blob[HEADER.len()..wrapped_end]);
        let key = Zeroizing::new(key.map_err(|_| "was encrypted for another private key, or is damaged")?);
        let (aad, rest) = blob.split_at(wrapped_end + IV);
        let (text, tag) = rest.split_at(rest.len() - TAG);
        let mut value = text.to_vec();
        let opened = match key.len() {
            16 => open_with::<Aes128>(&key, aad, &mut value, tag),
            24 => open_with::<Aes192>(&key, aad, &mut value, tag),
            32 => open_with::<Aes256>(&key, aad, &mut value, tag),
            _ => None,
        };
        opened.map(|()| value).ok_or("is damaged")
    }
}

fn open_with<A>(key: &[u8], aad: &[u8], text: &mut [u8], tag: &[u8]) -> Option<()>
where
    A: KeyInit + aes::cipher::BlockSizeUser<BlockSize = aes::cipher::consts::U16> + aes::cipher::BlockCipherEncrypt,
{
    let gcm = AesGcm::<A, aes::cipher::consts::U12>::new_from_slice(key).ok()?;
    let iv: &[u8; IV] = aad.last_chunk()?;
    let tag: &[u8; TAG] = tag.try_into().ok()?;
    gcm.decrypt_inout_detached(iv.into(), aad, text.into(), tag.into()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vectors() -> serde_json::Value {
        serde_json::from_str(include_str!("../../tests/data/vectors.json")).unwrap()
    }

    fn key(folder: &Path) -> PrivateKey {
        let file = folder.join("key.pem");
        std::fs::write(&file, vectors()["rsa"]["private_key_pem"].as_str().unwrap()).unwrap();
        PrivateKey::read(&file, None).unwrap()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The length is far from that of any key: the cost of examining a key grows with the third power of its length.
    #[test]
    fn a_key_of_an_absurd_length_is_refused_unseen() {
        let mut text = "-----BEGIN RSA PRIVATE KEY-----\n".to_owned();
        text += &Base64::encode_string(&[0x30; 5001]);
        text += "\n-----END RSA PRIVATE KEY-----\n";
        let why = PrivateKey::parse(text.as_bytes(), "a.pem", None).err().unwrap();
        assert!(why.contains("a.pem") && why.contains("5001 bytes, more than 5000"), "{why}");
    }

    #[test]
    fn values_of_the_reference_are_opened_and_no_damaged_one_is() {
        let folder = tempfile::tempdir().unwrap();
        let key = key(folder.path());
        assert_eq!(key.fingerprint(), vectors()["rsa"]["fingerprint_sha256_base64_nopad"].as_str().unwrap());
        for secret in vectors()["secrets"].as_array().unwrap() {
            let base64 = secret["yaml_value"].as_str().unwrap().trim_start_matches("!sinetstream/encrypted").trim();
            let base64 = base64.trim_start_matches(['|', '>', '-']).trim();
            assert_eq!(hex(&key.open(base64).unwrap()), secret["plain_hex"].as_str().unwrap(), "{}", secret["id"]);
            let compact: String = base64.split_ascii_whitespace().collect();
            let blob = Base64::decode_vec(&compact).unwrap();
            for at in [0, 1, 2, 3, 4, 100, 259, 260, 271, blob.len() - 17, blob.len() - 1] {
                let mut damaged = blob.clone();
                damaged[at] ^= 1;
                assert!(key.open(&Base64::encode_string(&damaged)).is_err(), "{at}");
            }
            for length in 0..blob.len() {
                assert!(key.open(&Base64::encode_string(&blob[..length])).is_err(), "{length}");
            }
        }
        assert_eq!(key.open("???"), Err("is not Base64"));
    }
}
