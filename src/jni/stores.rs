//! Key material that only Java can open: the JVM's trusted certificates, and key stores; and PEM files, which Java makes key
//! stores of.

use rustls::pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::paths;
use super::tree::{self, Answer};
use crate::config::{ClientCertificate, Content, Map, Password, Settings, Store, TlsSettings, Trust, Value, alone};
use crate::error::{Error, Result};
use crate::material::{self, ChangedStore, Identity, InDer, KeyMaterial, StoreSource};
use crate::wiped::Secret;

/// Returns what Java must open for these settings; see `engine.KeyMaterial` in Java.
pub(super) fn wanted(settings: Option<&TlsSettings>) -> Value {
    let Some(tls) = settings else { return Value::Null };
    let identity = match &tls.client_certificate {
        Some(ClientCertificate::Store(store)) => describe(store),
        _ => Value::Null,
    };
    let (from_jvm, trusted) = match &tls.trust {
        Trust::Default => (true, Value::Null),
        Trust::Store(store) => (false, describe(store)),
        Trust::Pem(_) => (false, Value::Null),
    };
    Value::from([("jvm_anchors", Value::Bool(from_jvm)), ("trust_store", trusted), ("key_store", identity)])
}

/// What opens the key stores of a client again that comes back, with what asks Java and waits for its answer. A client that does
/// not come back reads them once.
pub(super) fn source(
    settings: &Settings,
    ask: impl Fn(Zeroizing<Vec<u8>>) -> Answer<KeyMaterial> + Send + Sync + 'static,
) -> Option<StoreSource> {
    let tls = settings.tls.as_ref().filter(|_| settings.automatic_reconnect && settings.plugged.is_none())?;
    StoreSource::new(tls, move |renewed| {
        let (name, store) = match renewed {
            ChangedStore::Trust(store) => ("trust_store", store),
            ChangedStore::Own(store) => ("key_store", store),
        };
        let question = tree::encode(&Zeroizing::new(Value::from([(name, describe(store))])));
        // The text names the store's place and file already.
        ask(question).map_err(|problem| Error::Io(problem.into()))
    })
}

fn describe(store: &Store) -> Value {
    let (path, data) = match &store.source.content {
        Content::File(path) => (paths::told(path), Value::Null),
        Content::Data(data) => (Value::Null, Value::Bytes(data.bytes().to_vec())),
    };
    let (password, password_place) = match &store.password {
        Some(Password { secret, place }) => (Value::Bytes(secret.bytes().to_vec()), Value::from(place.as_str())),
        None => (Value::Null, Value::Null),
    };
    Value::from([
        ("place", Value::from(store.source.place.as_str())),
        ("path", path),
        ("data", data),
        ("type", store.kind.as_deref().map_or(Value::Null, Value::from)),
        ("password", password),
        ("password_place", password_place),
        ("alias", store.alias.as_ref().map_or(Value::Null, |alias| Value::from(alias.name.as_str()))),
        ("alias_place", store.alias.as_ref().map_or(Value::Null, |alias| Value::from(alias.place.as_str()))),
    ])
}

/// Reads PEM files for Java's key stores. The input is a tree with a map `tls` and the folder `user_dir`; the result has lists
/// of DER certificates, `trusted` and the client's own `chain`, its `key` in PKCS #8, and `warnings`. What was not named is
/// null.
pub(super) fn in_der(wanted: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let malformed = || Error::Internal("malformed names of PEM files".into());
    let Value::Map(wanted) = &*Zeroizing::new(tree::decode(wanted)?) else { return Err(malformed()) };
    let Some(Value::Map(tls)) = wanted.get("tls") else { return Err(malformed()) };
    let user_dir = paths::folder(wanted.get("user_dir"), std::env::current_dir().ok()).unwrap_or_default();
    let files = alone::pem_files(tls.clone(), user_dir)?;
    let InDer { trusted, own } = material::in_der(&files.trust, files.own.as_ref())?;
    let list = |all: &[CertificateDer<'_>]| match all {
        [] => Value::Null,
        all => Value::List(all.iter().map(|der| Value::Bytes(der.to_vec())).collect()),
    };
    let (chain, key) = match &own {
        Some((chain, key)) => (list(chain), Value::Bytes(key.to_vec())),
        None => (Value::Null, Value::Null),
    };
    let read = Zeroizing::new(Value::from([
        ("trusted", list(&trusted)),
        ("chain", chain),
        ("key", key),
        ("warnings", Value::from(files.warnings)),
    ]));
    Ok(tree::encode(&read))
}

/// Reads what Java answers when it was asked to open a store: the same, or a map with the `problem` that it has.
pub(super) fn decode_answer(answer: &[u8]) -> Result<Answer<KeyMaterial>> {
    let decoded = Zeroizing::new(tree::decode(answer)?);
    if let Value::Map(map) = &*decoded
        && let Some(Value::Str(problem)) = map.get("problem")
    {
        return Ok(Err(problem.clone()));
    }
    material(&decoded).map(Ok)
}

/// Reads what Java hands over: a map with lists of DER certificates `anchors` and `alone`, and the `identities`.
pub(super) fn decode(encoded: &[u8]) -> Result<KeyMaterial> {
    material(&Zeroizing::new(tree::decode(encoded)?))
}

fn material(decoded: &Value) -> Result<KeyMaterial> {
    let malformed = || Error::Internal("malformed key material".into());
    let Value::Map(map) = decoded else { return Err(malformed()) };
    let certificates = |map: &Map, name: &str| match map.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::List(items)) => {
            let items = items.iter().map(|item| match item {
                Value::Bytes(der) => Some(der.clone()),
                _ => None,
            });
            items.collect::<Option<Vec<_>>>().map(Some).ok_or_else(malformed)
        }
        Some(_) => Err(malformed()),
    };
    let identity = |item: &Value| -> Result<Identity> {
        let Value::Map(item) = item else { return Err(malformed()) };
        match (item.get("alias"), certificates(item, "chain")?, item.get("key")) {
            (Some(Value::Str(alias)), Some(chain), Some(Value::Bytes(key))) => {
                Ok(Identity { alias: alias.clone(), chain, key: Secret::new(key.clone()) })
            }
            _ => Err(malformed()),
        }
    };
    let identities = match map.get("identities") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::List(items)) => items.iter().map(identity).collect::<Result<_>>()?,
        Some(_) => return Err(malformed()),
    };
    let will_value = match map.get("will_value") {
        None | Some(Value::Null) => None,
        Some(Value::Bytes(value)) => Some(value.clone()),
        Some(_) => return Err(malformed()),
    };
    let alone = certificates(map, "alone")?.unwrap_or_default();
    Ok(KeyMaterial { anchors: certificates(map, "anchors")?, alone, identities, will_value, stores: None })
}
