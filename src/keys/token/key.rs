//! Finds a private key in a token, and the certificates beside it. The private key never leaves the token.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass};
use cryptoki::session::Session;
use tokio::sync::OwnedSemaphorePermit;

use super::login::{Pin, Token};
use super::worker::Limit;
use super::{Problem, Wanted, module, signer, words};
use crate::wiped::Secret;

/// The kind of a usable key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    Rsa { bits: usize },
    EcP256,
    EcP384,
    Ed25519,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Rsa { bits } => write!(f, "RSA of {bits} bits"),
            Kind::EcP256 => f.write_str("EC on P-256"),
            Kind::EcP384 => f.write_str("EC on P-384"),
            Kind::Ed25519 => f.write_str("Ed25519"),
        }
    }
}

/// The public half of a key in one of the forms in which a token has it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum PublicHalf {
    /// The numbers of an RSA key without leading zeros.
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
    /// A point on the key's curve.
    Point(Vec<u8>),
    /// A SubjectPublicKeyInfo.
    Info(Vec<u8>),
}

/// A private key in a token.
pub(crate) struct Key {
    token: Arc<Token>,
    pin: Pin,
    /// The time that the token may take for an answer.
    patience: Duration,
    /// The token has been asked for something and has not answered.
    is_silent: AtomicBool,
    /// The attributes by which the key is found again in another session.
    template: Vec<Attribute>,
    shown: String,
    id: Vec<u8>,
    pub(super) kind: Kind,
    /// The public halves that the token gives in several places.
    pub(super) public: Vec<PublicHalf>,
    pub(super) mechanisms: Vec<MechanismType>,
}

/// Shows the key without the PIN.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Describes the key for people: its name, its kind, and its token.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the key {}, {}, in the token {}", self.shown, self.kind, words::quoted(self.token.label()))
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        self.token.worker.leave();
    }
}

/// A certificate in a token.
pub(crate) struct Certificate {
    pub der: Vec<u8>,
    /// The certificate has the key's CKA_ID.
    pub is_of_key: bool,
}

/// The attributes that are read of a key before one is chosen.
#[derive(Default)]
struct Candidate {
    label: Vec<u8>,
    id: Vec<u8>,
    kind: Option<KeyType>,
    curve: Vec<u8>,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
    point: Vec<u8>,
    info: Vec<u8>,
    may_sign: Option<bool>,
    always_asks: bool,
}

impl Candidate {
    fn shown(&self) -> String {
        let label = match self.label.is_empty() {
            true => "without a label".to_owned(),
            false => words::quoted(&String::from_utf8_lossy(&self.label)),
        };
        match self.id.is_empty() {
            true => format!("{label} (without an id)"),
            false => format!("{label} (id {})", words::hex(&self.id)),
        }
    }

    fn is(&self, wanted: &Wanted) -> bool {
        wanted.label.as_ref().is_none_or(|label| label.as_bytes() == self.label)
            && wanted.id.as_ref().is_none_or(|id| *id == self.id)
    }

    fn public(&self) -> Vec<PublicHalf> {
        let mut halves = Vec::new();
        if !self.modulus.is_empty() && !self.exponent.is_empty() {
            let (modulus, exponent) = (number(&self.modulus).to_vec(), number(&self.exponent).to_vec());
            halves.push(PublicHalf::Rsa { modulus, exponent });
        }
        if !self.point.is_empty() {
            halves.push(PublicHalf::Point(point(&self.point).to_vec()));
        }
        if !self.info.is_empty() {
            halves.push(PublicHalf::Info(self.info.clone()));
        }
        halves
    }

    fn template(&self) -> Vec<Attribute> {
        let mut template = vec![Attribute::Class(ObjectClass::PRIVATE_KEY)];
        // An empty attribute is left out: for SoftHSM, and by the standard, it would match only objects in which it is present
        // and empty.
        if !self.label.is_empty() {
            template.push(Attribute::Label(self.label.clone()));
        }
        if !self.id.is_empty() {
            template.push(Attribute::Id(self.id.clone()));
        }
        template
    }
}

/// Returns the number without leading zeros.
fn number(bytes: &[u8]) -> &[u8] {
    let first = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    &bytes[first..]
}

/// Returns the point without its wrapping: the standard demands an OCTET STRING, which some tokens leave out. The length takes
/// one byte with the curves that are supported here.
fn point(bytes: &[u8]) -> &[u8] {
    match bytes {
        [0x04, length, point @ ..] if usize::from(*length) == point.len() => point,
        point => point,
    }
}

const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
/// The curve as an object identifier, and under the name that PKCS #11 3.0 gives it.
const ED25519: [&[u8]; 2] = [&[0x06, 0x03, 0x2b, 0x65, 0x70], b"\x13\x0cedwards25519"];

/// Looks for the key. This may show the token a PIN. `patience` is the time that a later signature may take.
pub(crate) async fn find(
    wanted: &Wanted,
    pin: Option<Secret>,
    patience: Duration,
    limit: Limit,
) -> Result<Key, Problem> {
    let token = module::token(wanted, limit).await?;
    // From here on the worker is in use, until this fails or the key is dropped.
    token.worker.enter();
    let mut key = Key {
        token,
        pin,
        patience,
        is_silent: AtomicBool::new(false),
        template: Vec::new(),
        shown: String::new(),
        id: Vec::new(),
        kind: Kind::Ed25519,
        public: Vec::new(),
        mechanisms: Vec::new(),
    };
    let all_private = |session: &Session| objects(session, &[Attribute::Class(ObjectClass::PRIVATE_KEY)]);
    let candidates = key.token.with(&key.pin, limit, "C_FindObjects", all_private).await?;
    let shown = |keys: &[&Candidate]| words::list(keys.iter().map(|key| key.shown()).collect());
    let found: Vec<&Candidate> = candidates.iter().filter(|candidate| candidate.is(wanted)).collect();
    let chosen = match found[..] {
        [chosen] => chosen,
        [] => {
            let all: Vec<&Candidate> = candidates.iter().collect();
            let token = words::quoted(key.token.label());
            return Err(Problem::Key(format!(
                "there is no such private key in the token {token}; it has these: {}",
                shown(&all)
            )));
        }
        _ => {
            let message = "several private keys fit; 'label' and 'id' say which is meant";
            return Err(Problem::Key(format!("{message}: {}", shown(&found))));
        }
    };
    key.kind = kind(chosen)?;
    key.shown = chosen.shown();
    key.template = chosen.template();
    key.id = chosen.id.clone();
    key.public = chosen.public();
    if !chosen.id.is_empty() {
        let template = vec![Attribute::Class(ObjectClass::PUBLIC_KEY), Attribute::Id(chosen.id.clone())];
        let beside = move |session: &Session| objects(session, &template);
        let beside = key.token.with(&key.pin, limit, "C_FindObjects", beside).await?;
        key.public.extend(beside.iter().flat_map(Candidate::public));
    }
    key.mechanisms = key.token.mechanisms(&key.pin, limit).await?;
    signer::check(&key)?;
    Ok(key)
}

fn objects(session: &Session, template: &[Attribute]) -> cryptoki::error::Result<Vec<Candidate>> {
    let wanted = [
        AttributeType::Label,
        AttributeType::Id,
        AttributeType::KeyType,
        AttributeType::EcParams,
        AttributeType::EcPoint,
        AttributeType::Modulus,
        AttributeType::PublicExponent,
        AttributeType::PublicKeyInfo,
        AttributeType::Sign,
        AttributeType::AlwaysAuthenticate,
    ];
    let mut candidates = Vec::new();
    for object in session.find_objects(template)? {
        let mut candidate = Candidate::default();
        for attribute in session.get_attributes(object, &wanted)? {
            match attribute {
                Attribute::Label(label) => candidate.label = label,
                Attribute::Id(id) => candidate.id = id,
                Attribute::KeyType(kind) => candidate.kind = Some(kind),
                Attribute::EcParams(curve) => candidate.curve = curve,
                Attribute::EcPoint(point) => candidate.point = point,
                Attribute::Modulus(modulus) => candidate.modulus = modulus,
                Attribute::PublicExponent(exponent) => candidate.exponent = exponent,
                Attribute::PublicKeyInfo(info) => candidate.info = info,
                Attribute::Sign(may) => candidate.may_sign = Some(may),
                Attribute::AlwaysAuthenticate(always) => candidate.always_asks = always,
                _ => {}
            }
        }
        candidates.push(candidate);
    }
    Ok(candidates)
}

fn kind(key: &Candidate) -> Result<Kind, Problem> {
    let unusable = |why: &str| Err(Problem::Key(format!("the private key {} can't be used: {why}", key.shown())));
    if key.may_sign == Some(false) {
        return unusable("it may not sign (CKA_SIGN)");
    }
    if key.always_asks {
        return unusable("it asks for the PIN at each signature (CKA_ALWAYS_AUTHENTICATE), which is not supported");
    }
    const SUPPORTED: &str = "supported: RSA of 2048 to 8192 bits, EC on P-256 or P-384, Ed25519";
    let modulus = number(&key.modulus);
    let bits = modulus.len() * 8 - modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
    match key.kind {
        Some(KeyType::RSA) if (2048..=8192).contains(&bits) => Ok(Kind::Rsa { bits }),
        Some(KeyType::EC) if key.curve == P256 => Ok(Kind::EcP256),
        Some(KeyType::EC) if key.curve == P384 => Ok(Kind::EcP384),
        Some(KeyType::EC_EDWARDS) if ED25519.contains(&&key.curve[..]) => Ok(Kind::Ed25519),
        _ => unusable(SUPPORTED),
    }
}

impl Key {
    /// Returns the certificates in the token, those of the key first.
    pub async fn certificates(&self, limit: Limit) -> Result<Vec<Certificate>, Problem> {
        let own = self.id.clone();
        let found = self.token.with(&self.pin, limit, "C_FindObjects", move |session| {
            let mut found = Vec::new();
            for object in session.find_objects(&[Attribute::Class(ObjectClass::CERTIFICATE)])? {
                let mut certificate = Certificate { der: Vec::new(), is_of_key: false };
                for attribute in session.get_attributes(object, &[AttributeType::Id, AttributeType::Value])? {
                    match attribute {
                        Attribute::Id(id) => certificate.is_of_key = id == own,
                        Attribute::Value(der) => certificate.der = der,
                        _ => {}
                    }
                }
                found.push(certificate);
            }
            Ok(found)
        });
        let mut certificates = found.await?;
        certificates.retain(|certificate| !certificate.der.is_empty());
        certificates.sort_by_key(|certificate| !certificate.is_of_key);
        Ok(certificates)
    }

    /// Signs for a connection. Blocks until the token answers.
    pub(super) fn sign_in_time<T, F: Future<Output = Result<T, Problem>>>(
        &self,
        sign: impl FnOnce(Limit) -> F,
    ) -> Result<T, Problem> {
        self.is_silent.store(true, Ordering::Relaxed);
        let signature = self.token.worker.wait(self.patience, sign);
        // After a time-out the token stays noted as silent until the next connection.
        let is_late = matches!(signature, Err(Problem::Late(_)));
        self.is_silent.store(is_late, Ordering::Relaxed);
        signature
    }

    /// Signs `data`. `mechanism` is called on the thread that uses its result, because a mechanism may contain pointers.
    pub(super) async fn sign(
        &self,
        mechanism: impl Fn() -> Mechanism<'static> + Send + 'static,
        data: Vec<u8>,
        limit: Limit,
    ) -> Result<Vec<u8>, Problem> {
        let template = self.template.clone();
        let signature = self.token.with(&self.pin, limit, "C_Sign", move |session: &Session| {
            match session.find_objects(&template)?.first() {
                Some(object) => session.sign(&mechanism(), *object, &data).map(Some),
                None => Ok(None),
            }
        });
        signature
            .await?
            .ok_or_else(|| Problem::Key(format!("the private key {} is not in the token any more", self.shown)))
    }

    /// Waits for this connection's turn to use the token, before anything that may need a signature. A waiter that gives up has
    /// been waiting for the token.
    pub async fn turn(self: Arc<Self>) -> Option<OwnedSemaphorePermit> {
        let turns = self.token.turns.clone();
        if let Ok(turn) = turns.clone().try_acquire_owned() {
            return Some(turn);
        }
        self.is_silent.store(true, Ordering::Relaxed);
        let turn = turns.acquire_owned().await.ok();
        self.is_silent.store(false, Ordering::Relaxed);
        turn
    }

    /// Forgets that the token was silent, before a new connection.
    pub fn forget(&self) {
        self.is_silent.store(false, Ordering::Relaxed);
    }

    /// Looks for the key again, for a connection that must know whether it is still the same.
    pub async fn look_again<T>(&self, again: impl AsyncFnOnce(Pin, Duration) -> T) -> T {
        self.is_silent.store(true, Ordering::Relaxed);
        let found = again(self.pin.clone(), self.patience).await;
        self.is_silent.store(false, Ordering::Relaxed);
        found
    }

    /// Describes the wait, if it is the token that is waited for.
    pub fn silence(&self) -> Option<String> {
        self.is_silent.load(Ordering::Relaxed).then(|| self.token.worker.silence(self.patience))
    }
}
