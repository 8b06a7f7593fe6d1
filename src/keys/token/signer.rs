//! A key in a token as rustls uses it.

use std::sync::Arc;

use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use rustls::sign::{Signer, SigningKey};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::Problem;
use super::key::{Key, Kind};
use super::worker::Limit;

/// Returns the key in the form with which rustls signs.
pub(crate) fn signing_key(key: Arc<Key>) -> Arc<dyn SigningKey> {
    Arc::new(TokenKey(key))
}

/// Checks that the token has the mechanisms that TLS needs.
pub(super) fn check(key: &Key) -> Result<(), Problem> {
    best(key).map(|_| ())
}

pub(super) async fn sign(key: &Key, message: &[u8], limit: Limit) -> Result<(SignatureScheme, Vec<u8>), Problem> {
    let (scheme, way) = best(key)?;
    Ok((scheme, way.sign(key, message, limit).await?))
}

fn best(key: &Key) -> Result<(SignatureScheme, Way), Problem> {
    ways(key).next().ok_or_else(|| {
        let message = "the token has none of the mechanisms that TLS needs for it (of RSA with SHA-2, ECDSA, EdDSA)";
        Problem::Key(format!("{key} can't be used: {message}"))
    })
}

#[derive(Debug)]
struct TokenKey(Arc<Key>);

impl SigningKey for TokenKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let (scheme, way) = ways(&self.0).find(|(scheme, _)| offered.contains(scheme))?;
        Some(Box::new(TokenSigner { key: self.0.clone(), scheme, way }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.0.kind {
            Kind::Rsa { .. } => SignatureAlgorithm::RSA,
            Kind::EcP256 | Kind::EcP384 => SignatureAlgorithm::ECDSA,
            Kind::Ed25519 => SignatureAlgorithm::ED25519,
        }
    }
}

#[derive(Debug)]
struct TokenSigner {
    key: Arc<Key>,
    scheme: SignatureScheme,
    way: Way,
}

impl Signer for TokenSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature = aside(|| self.key.sign_in_time(|limit| self.way.sign(&self.key, message, limit)));
        signature.map_err(|problem| Error::General(format!("{} did not sign: {}", self.key, problem.into_words())))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

/// Runs work that blocks. A card can take a second; the runtime has only one worker thread, which meanwhile moves its other
/// tasks to another thread. [`Key::turn`] keeps the number of these threads small.
fn aside<T>(work: impl FnOnce() -> T) -> T {
    use tokio::runtime::{Handle, RuntimeFlavor};
    match Handle::try_current() {
        Ok(handle) if handle.runtime_flavor() == RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

use Hash::{Sha256 as H256, Sha384 as H384, Sha512 as H512};

impl Hash {
    fn of(self, message: &[u8]) -> Vec<u8> {
        match self {
            H256 => Sha256::digest(message).to_vec(),
            H384 => Sha384::digest(message).to_vec(),
            H512 => Sha512::digest(message).to_vec(),
        }
    }

    /// Returns the bytes that precede the digest in a signature of PKCS #1 v1.5 (RFC 8017, section 9.2, note 1).
    fn digest_info(self) -> [u8; 19] {
        let (all, algorithm, length) = match self {
            H256 => (0x31, 0x01, 0x20),
            H384 => (0x41, 0x02, 0x30),
            H512 => (0x51, 0x03, 0x40),
        };
        let mut prefix = *b"\x30?\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02?\x05\x00\x04?";
        (prefix[1], prefix[14], prefix[18]) = (all, algorithm, length);
        prefix
    }

    fn pss(self) -> PkcsPssParams {
        let (hash_alg, mgf, length): (_, _, std::ffi::c_ulong) = match self {
            H256 => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256, 32),
            H384 => (MechanismType::SHA384, PkcsMgfType::MGF1_SHA384, 48),
            H512 => (MechanismType::SHA512, PkcsMgfType::MGF1_SHA512, 64),
        };
        PkcsPssParams { hash_alg, mgf, s_len: length.into() }
    }
}

/// The way in which a token signs: by a mechanism that also hashes, or by one that needs the digest.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    Pss { hash: Hash, hashed_here: bool },
    Pkcs1 { hash: Hash, hashed_here: bool },
    Ecdsa { hash: Hash, hashed_here: bool },
    Ed25519,
}

/// Returns the signature schemes of TLS that the key can do in this token, the best first, each with its way.
fn ways(key: &Key) -> impl Iterator<Item = (SignatureScheme, Way)> {
    let wanted: &[SignatureScheme] = match key.kind {
        Kind::Rsa { .. } => &[
            SignatureScheme::RSA_PSS_SHA512,
            SignatureScheme::RSA_PSS_SHA384,
            SignatureScheme::RSA_PSS_SHA256,
            SignatureScheme::RSA_PKCS1_SHA512,
            SignatureScheme::RSA_PKCS1_SHA384,
            SignatureScheme::RSA_PKCS1_SHA256,
        ],
        Kind::EcP256 => &[SignatureScheme::ECDSA_NISTP256_SHA256],
        Kind::EcP384 => &[SignatureScheme::ECDSA_NISTP384_SHA384],
        Kind::Ed25519 => &[SignatureScheme::ED25519],
    };
    wanted.iter().filter_map(|scheme| Some((*scheme, way(*scheme, &key.mechanisms)?)))
}

fn way(scheme: SignatureScheme, mechanisms: &[MechanismType]) -> Option<Way> {
    use MechanismType as M;
    use SignatureScheme as S;
    // Takes the first mechanism that the token has. The result is true if the engine must hash, because that mechanism does
    // not.
    let hashed_here = |first: (M, bool), second: (M, bool)| {
        [first, second].into_iter().find(|(mechanism, _)| mechanisms.contains(mechanism)).map(|(_, here)| here)
    };
    let pss = |hash, with| Some(Way::Pss { hash, hashed_here: hashed_here((with, false), (M::RSA_PKCS_PSS, true))? });
    let pkcs1 = |hash, with| Some(Way::Pkcs1 { hash, hashed_here: hashed_here((with, false), (M::RSA_PKCS, true))? });
    // Plain ECDSA comes first, because more tokens have it than the hashing mechanisms.
    let ecdsa = |hash, with| Some(Way::Ecdsa { hash, hashed_here: hashed_here((M::ECDSA, true), (with, false))? });
    match scheme {
        S::RSA_PSS_SHA256 => pss(H256, M::SHA256_RSA_PKCS_PSS),
        S::RSA_PSS_SHA384 => pss(H384, M::SHA384_RSA_PKCS_PSS),
        S::RSA_PSS_SHA512 => pss(H512, M::SHA512_RSA_PKCS_PSS),
        S::RSA_PKCS1_SHA256 => pkcs1(H256, M::SHA256_RSA_PKCS),
        S::RSA_PKCS1_SHA384 => pkcs1(H384, M::SHA384_RSA_PKCS),
        S::RSA_PKCS1_SHA512 => pkcs1(H512, M::SHA512_RSA_PKCS),
        S::ECDSA_NISTP256_SHA256 => ecdsa(H256, M::ECDSA_SHA256),
        S::ECDSA_NISTP384_SHA384 => ecdsa(H384, M::ECDSA_SHA384),
        S::ED25519 => mechanisms.contains(&M::EDDSA).then_some(Way::Ed25519),
        _ => None,
    }
}

impl Way {
    fn mechanism(self) -> Mechanism<'static> {
        use Mechanism as M;
        match self {
            Way::Pss { hash, hashed_here: true } => M::RsaPkcsPss(hash.pss()),
            Way::Pss { hash: H256, .. } => M::Sha256RsaPkcsPss(H256.pss()),
            Way::Pss { hash: H384, .. } => M::Sha384RsaPkcsPss(H384.pss()),
            Way::Pss { hash: H512, .. } => M::Sha512RsaPkcsPss(H512.pss()),
            Way::Pkcs1 { hashed_here: true, .. } => M::RsaPkcs,
            Way::Pkcs1 { hash: H256, .. } => M::Sha256RsaPkcs,
            Way::Pkcs1 { hash: H384, .. } => M::Sha384RsaPkcs,
            Way::Pkcs1 { hash: H512, .. } => M::Sha512RsaPkcs,
            Way::Ecdsa { hashed_here: true, .. } => M::Ecdsa,
            Way::Ecdsa { hash: H256, .. } => M::EcdsaSha256,
            Way::Ecdsa { hash: H384, .. } => M::EcdsaSha384,
            Way::Ecdsa { hash: H512, .. } => M::EcdsaSha512,
            Way::Ed25519 => M::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure)),
        }
    }

    async fn sign(self, key: &Key, message: &[u8], limit: Limit) -> Result<Vec<u8>, Problem> {
        let data = match self {
            Way::Pkcs1 { hash, hashed_here: true } => [&hash.digest_info()[..], &hash.of(message)].concat(),
            Way::Pss { hash, hashed_here: true } | Way::Ecdsa { hash, hashed_here: true } => hash.of(message),
            _ => message.to_vec(),
        };
        let signature = key.sign(move || self.mechanism(), data, limit).await?;
        match self {
            Way::Ecdsa { .. } => in_der(&signature)
                .ok_or_else(|| Problem::Device(format!("the token's signature has {} bytes", signature.len()))),
            _ => Ok(signature),
        }
    }
}

/// Converts an ECDSA signature: a token gives its two numbers side by side, TLS needs a SEQUENCE of two INTEGERs (RFC 3279,
/// section 2.2.3).
fn in_der(signature: &[u8]) -> Option<Vec<u8>> {
    let half = signature.len() / 2;
    // With the supported curves the numbers have 32 or 48 bytes, so each length takes one byte.
    if !matches!(signature.len(), 64 | 96) {
        return None;
    }
    let mut content = Vec::new();
    for number in signature.chunks(half) {
        let first = number.iter().position(|byte| *byte != 0).unwrap_or(half - 1);
        let number = &number[first..];
        let sign = usize::from(number[0] & 0x80 != 0);
        content.extend([0x02, (number.len() + sign) as u8]);
        content.extend(std::iter::repeat_n(0, sign));
        content.extend(number);
    }
    Some([&[0x30, content.len() as u8][..], &content].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_put_into_der() {
        let mut raw = [0; 64];
        (raw[31], raw[32]) = (1, 0x80);
        let der = in_der(&raw).expect("DER");
        assert_eq!(der[..7], [0x30, 38, 0x02, 1, 1, 0x02, 33]);
        assert_eq!(der[7..9], [0, 0x80]);
        assert_eq!(der.len(), 40);
        assert_eq!(in_der(&[0; 64]).expect("DER"), [0x30, 6, 2, 1, 0, 2, 1, 0]);
        assert_eq!(in_der(&[0xff; 96]).expect("DER").len(), 2 + 2 * (2 + 49));
        for length in [0, 1, 63, 65, 132] {
            assert_eq!(in_der(&vec![1; length]), None);
        }
    }

    #[test]
    fn a_token_that_does_not_hash_gets_digests() {
        use MechanismType as M;
        let scheme = SignatureScheme::RSA_PKCS1_SHA384;
        let (here, there) =
            (Some(Way::Pkcs1 { hash: H384, hashed_here: true }), Way::Pkcs1 { hash: H384, hashed_here: false });
        assert_eq!(way(scheme, &[M::RSA_PKCS]), here);
        assert_eq!(way(scheme, &[M::SHA256_RSA_PKCS, M::RSA_PKCS]), here);
        assert_eq!(way(scheme, &[M::RSA_PKCS, M::SHA384_RSA_PKCS]), Some(there));
        assert_eq!(way(scheme, &[M::RSA_PKCS_PSS, M::ECDSA]), None);
        let pss = way(SignatureScheme::RSA_PSS_SHA256, &[M::RSA_PKCS_PSS]);
        assert_eq!(pss, Some(Way::Pss { hash: H256, hashed_here: true }));
        let ecdsa = way(SignatureScheme::ECDSA_NISTP256_SHA256, &[M::ECDSA_SHA256]);
        assert_eq!(ecdsa, Some(Way::Ecdsa { hash: H256, hashed_here: false }));
        assert_eq!(way(SignatureScheme::ED25519, &[M::ECDSA]), None);
    }

    /// The prefixes are from RFC 8017, section 9.2, note 1.
    #[test]
    fn digests_have_the_prefix_of_their_hash_function() {
        let hex = |hash: Hash| hash.digest_info().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(H256), "3031300d060960864801650304020105000420");
        assert_eq!(hex(H384), "3041300d060960864801650304020205000430");
        assert_eq!(hex(H512), "3051300d060960864801650304020305000440");
    }
}
