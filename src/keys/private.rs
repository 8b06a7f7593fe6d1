//! Private keys in every form in which tools write them.

use aes::{Aes128, Aes192, Aes256};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, InnerIvInit, KeyInit};
use des::TdesEde3;
use md5::{Digest, Md5};
use pkcs8::der::asn1::{AnyRef, OctetStringRef};
use pkcs8::der::{Decode, Encode};
use pkcs8::spki::AlgorithmIdentifierRef;
use pkcs8::{EncryptedPrivateKeyInfoRef, ObjectIdentifier, PrivateKeyInfoRef, pkcs5};
use rustls::pki_types::PrivateKeyDer;
use sec1::{EcParameters, EcPrivateKey};
use zeroize::Zeroizing;

use super::cost;
use super::section::Section;
use crate::wiped;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const CONVERT: &str = "'openssl pkcs8 -topk8 -v2 aes-256-cbc' converts it";

/// The reason why there is no key.
#[derive(Debug, PartialEq)]
pub(crate) enum Problem {
    /// The password is missing or wrong.
    Password(&'static str),
    /// The key itself can't be used.
    Key(String),
}

/// Returns true for any kind of private key, even for one that can't be used.
pub(crate) fn is_key(section: &Section) -> bool {
    section.label.ends_with("PRIVATE KEY")
}

/// A private key that is wiped after use.
pub(crate) type Key = Zeroizing<PrivateKeyDer<'static>>;

/// Returns the private key of a section, decrypted.
pub(crate) fn private_key(section: &Section, password: Option<&[u8]>) -> Result<Key, Problem> {
    wiped::on_the_stack::<{ wiped::LARGE }, _>(|| decrypted(section, password))
}

fn decrypted(section: &Section, password: Option<&[u8]>) -> Result<Key, Problem> {
    let encrypted = section.header("Proc-Type").is_some_and(|value| value.ends_with("ENCRYPTED"));
    let mut der = match encrypted {
        true => decrypt_traditional(section, required(password)?)?,
        false => section.body.clone(),
    };
    let take = std::mem::take::<Vec<u8>>;
    match section.label.as_str() {
        "PRIVATE KEY" => Ok(Zeroizing::new(PrivateKeyDer::Pkcs8(take(&mut der).into()))),
        "RSA PRIVATE KEY" => Ok(Zeroizing::new(PrivateKeyDer::Pkcs1(take(&mut der).into()))),
        "EC PRIVATE KEY" => Ok(Zeroizing::new(PrivateKeyDer::Sec1(take(&mut der).into()))),
        "ENCRYPTED PRIVATE KEY" => Ok(Zeroizing::new(PrivateKeyDer::Pkcs8(decrypt_pkcs8(&der, password)?.into()))),
        "OPENSSH PRIVATE KEY" => {
            let convert = "'ssh-keygen -p -m PEM -f' with the name of a copy converts that";
            Err(Problem::Key(format!("a key of the form 'OPENSSH PRIVATE KEY' is not supported; {convert}")))
        }
        other => Err(Problem::Key(format!("a key of the form '{other}' is not supported; {CONVERT}"))),
    }
}

fn required(password: Option<&[u8]>) -> Result<&[u8], Problem> {
    password
        .filter(|password| !password.is_empty())
        .ok_or(Problem::Password("the private key is encrypted; its password is missing"))
}

const WRONG: Problem = Problem::Password("the password does not open the private key");

fn decrypt_pkcs8(der: &[u8], password: Option<&[u8]>) -> Result<Vec<u8>, Problem> {
    let damaged =
        |_| Problem::Key(format!("the private key is damaged, or its encryption is not supported; {CONVERT}"));
    let encrypted = EncryptedPrivateKeyInfoRef::try_from(der).map_err(damaged)?;
    if let Some(what) = cost::excess(&encrypted.encryption_algorithm) {
        return Err(Problem::Key(format!("opening the private key takes {what}; {CONVERT}")));
    }
    match encrypted.decrypt(required(password)?) {
        Ok(document) => Ok(document.as_bytes().to_vec()),
        Err(pkcs8::Error::EncryptedPrivateKey(pkcs5::Error::NoPbes1CryptSupport)) => Err(unsupported("PBES1")),
        Err(pkcs8::Error::EncryptedPrivateKey(
            pkcs5::Error::UnsupportedAlgorithm { oid } | pkcs5::Error::AlgorithmParametersInvalid { oid },
        )) => Err(unsupported(&oid.to_string())),
        // The padding can be right by chance after decryption with a wrong password.
        Err(_) => Err(WRONG),
    }
}

fn unsupported(scheme: &str) -> Problem {
    Problem::Key(format!("the private key's encryption ({scheme}) is not supported; {CONVERT}"))
}

/// Decrypts OpenSSL's form before PKCS #8: a header names the algorithm and the IV, and the key comes from MD5 over the
/// password and the IV's first bytes (EVP_BytesToKey with one round).
fn decrypt_traditional(section: &Section, password: &[u8]) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let info = section.header("DEK-Info").unwrap_or_default();
    let (algorithm, iv) = info.split_once(',').unwrap_or((info, ""));
    let iv = from_hex(iv.trim()).ok_or_else(|| Problem::Key("the private key's DEK-Info is damaged".into()))?;
    match algorithm.trim() {
        "AES-128-CBC" => decrypt::<Aes128>(16, password, &iv, &section.body),
        "AES-192-CBC" => decrypt::<Aes192>(24, password, &iv, &section.body),
        "AES-256-CBC" => decrypt::<Aes256>(32, password, &iv, &section.body),
        "DES-EDE3-CBC" => decrypt::<TdesEde3>(24, password, &iv, &section.body),
        other => Err(unsupported(&other.chars().take(40).collect::<String>())),
    }
}

fn decrypt<C: BlockCipherDecrypt + KeyInit>(
    key_length: usize,
    password: &[u8],
    iv: &[u8],
    encrypted: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let damaged = || Problem::Key("the private key's DEK-Info is damaged".into());
    let salt = iv.get(..8).ok_or_else(damaged)?;
    let mut key = Zeroizing::new(Vec::new());
    while key.len() < key_length {
        let last = &key[key.len().saturating_sub(16)..];
        let digest = Md5::new().chain_update(last).chain_update(password).chain_update(salt).finalize();
        wiped::append(&mut key, &digest);
    }
    let cipher = C::new_from_slice(&key[..key_length]).map_err(|_| damaged())?;
    let cipher = cbc::Decryptor::<C>::inner_iv_slice_init(cipher, iv).map_err(|_| damaged())?;
    let der = Zeroizing::new(cipher.decrypt_padded_vec::<Pkcs7>(encrypted).map_err(|_| WRONG)?);
    // The padding can fit by chance; a decrypted key begins as a SEQUENCE.
    match der.first() {
        Some(0x30) => Ok(der),
        _ => Err(WRONG),
    }
}

/// Decodes pairs of hex digits.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits?;
    (digits.len() % 2 == 0).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// Completes an EC key that lacks its public half with the one of its certificate. Java writes such keys; ring refuses them,
/// and checks that the halves of the completed key fit. Returns `None` if nothing is missing.
pub(crate) fn with_public_key(key: &PrivateKeyDer<'_>, spki: &[u8]) -> Option<Key> {
    let spki = pkcs8::spki::SubjectPublicKeyInfoRef::try_from(spki).ok()?;
    let public_key = spki.subject_public_key.as_bytes()?;
    let (curve, ec) = match key {
        PrivateKeyDer::Pkcs8(der) => {
            let info = PrivateKeyInfoRef::try_from(der.secret_pkcs8_der()).ok()?;
            let curve = info.algorithm.parameters_oid().ok().filter(|_| info.algorithm.oid == EC)?;
            (curve, EcPrivateKey::from_der(info.private_key.as_bytes()).ok()?)
        }
        PrivateKeyDer::Sec1(der) => {
            let ec = EcPrivateKey::from_der(der.secret_sec1_der()).ok()?;
            (ec.parameters?.named_curve()?, ec)
        }
        _ => return None,
    };
    if ec.public_key.is_some() || spki.algorithm.oid != EC {
        return None;
    }
    let parameters = Some(EcParameters::NamedCurve(curve));
    let whole = EcPrivateKey { private_key: ec.private_key, parameters, public_key: Some(public_key) }.to_der().ok()?;
    Some(Zeroizing::new(PrivateKeyDer::Sec1(whole.into())))
}

/// Returns the key in PKCS #8, the one form that Java's own classes accept; `spki` is the public key of its certificate. `None`
/// if the two do not fit together.
pub(crate) fn in_pkcs8(key: &PrivateKeyDer<'_>, spki: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let spki = pkcs8::spki::SubjectPublicKeyInfoRef::try_from(spki).ok()?;
    let (inner, algorithm) = match key {
        PrivateKeyDer::Pkcs8(der) => return Some(Zeroizing::new(der.secret_pkcs8_der().to_vec())),
        PrivateKeyDer::Pkcs1(der) => {
            let parameters = Some(AnyRef::NULL);
            (der.secret_pkcs1_der(), AlgorithmIdentifierRef { oid: RSA, parameters })
        }
        // The SEC 1 structure may omit the curve; the certificate always has it.
        PrivateKeyDer::Sec1(der) => (der.secret_sec1_der(), Some(spki.algorithm).filter(|it| it.oid == EC)?),
        _ => return None,
    };
    PrivateKeyInfoRef::new(algorithm, OctetStringRef::new(inner).ok()?).to_der().ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use pkcs8::EncryptedPrivateKeyInfoOwned;
    use pkcs8::der::asn1::OctetString;
    use pkcs8::pkcs5::pbes2::{EncryptionScheme, Kdf, Parameters, Pbkdf2Params, Pbkdf2Prf, Salt, ScryptParams};

    use super::*;

    /// Returns the error for a key that is encrypted in this way. The content is no key, so no password opens it.
    fn opened(kdf: Kdf) -> Problem {
        let encryption_algorithm = Parameters { kdf, encryption: EncryptionScheme::Aes128Cbc { iv: [0; 16] } }.into();
        let encrypted_data = OctetString::new([0; 32]).expect("bytes");
        let body = EncryptedPrivateKeyInfoOwned { encryption_algorithm, encrypted_data }.to_der().expect("DER");
        let section = Section { label: "ENCRYPTED PRIVATE KEY".into(), headers: Vec::new(), body: body.into() };
        private_key(&section, Some(b"password")).expect_err("a key")
    }

    fn pbkdf2(iteration_count: u32) -> Kdf {
        let salt = Salt::new([0; 8]).expect("a salt");
        Kdf::Pbkdf2(Pbkdf2Params { salt, iteration_count, key_length: None, prf: Pbkdf2Prf::HmacWithSha256 })
    }

    fn scrypt(cost_parameter: u64, block_size: u16, parallelization: u16) -> Kdf {
        let salt = Salt::new([0; 8]).expect("a salt");
        Kdf::Scrypt(ScryptParams { salt, cost_parameter, block_size, parallelization, key_length: None })
    }

    #[test]
    fn a_key_that_takes_too_much_to_open_is_refused_with_its_numbers_and_the_limit() {
        for (kdf, words) in [
            (pbkdf2(10_000_001), ["10000001 iterations", "more than 10000000"]),
            (pbkdf2(u32::MAX), ["4294967295 iterations", "more than 10000000"]),
            (scrypt(1 << 20, 8, 1), ["N = 1048576, r = 8, p = 1", "1 to 1048576"]),
            (scrypt(1 << 14, 8, 9), ["N = 16384, r = 8, p = 9", "1 to 1048576"]),
            (scrypt(1 << 63, u16::MAX, u16::MAX), ["N = 9223372036854775808", "1 to 1048576"]),
            (scrypt(0, 8, 1), ["N = 0", "1 to 1048576"]),
        ] {
            let Problem::Key(what) = opened(kdf) else { panic!("it is tried: {words:?}") };
            assert!(words.iter().all(|word| what.contains(word)) && what.contains("openssl"), "{what}");
        }
    }

    #[test]
    fn what_tools_write_is_tried() {
        for kdf in [pbkdf2(2048), pbkdf2(600_000), scrypt(1 << 14, 8, 1), scrypt(1 << 16, 8, 2)] {
            assert_eq!(opened(kdf), WRONG);
        }
    }
}
