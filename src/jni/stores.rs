//! What only Java can open: the JVM's trusted certificates, and key stores.

use super::{paths, tree};
use crate::config::{ClientCertificate, Content, Password, Store, TlsSettings, Trust, Value};
use crate::error::{Error, Result};
use crate::material::{Identity, KeyMaterial};
use crate::wiped::Secret;

/// What Java has to open for these settings; see `engine.KeyMaterial` in Java.
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
    ])
}

/// Reads what Java hands over: a map with lists of DER certificates `anchors`, `alone` and `chain`, and the `key`.
pub(super) fn decode(material: &[u8]) -> Result<KeyMaterial> {
    let malformed = || Error::Internal("malformed key material".into());
    let Value::Map(map) = tree::decode(material)? else { return Err(malformed()) };
    let certificates = |name: &str| match map.get(name) {
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
    let identity = match (certificates("chain")?, map.get("key")) {
        (Some(chain), Some(Value::Bytes(key))) => Some(Identity { chain, key: Secret::new(key.clone()) }),
        (None, None | Some(Value::Null)) => None,
        _ => return Err(malformed()),
    };
    let will_value = match map.get("will_value") {
        None | Some(Value::Null) => None,
        Some(Value::Bytes(value)) => Some(value.clone()),
        Some(_) => return Err(malformed()),
    };
    let alone = certificates("alone")?.unwrap_or_default();
    Ok(KeyMaterial { anchors: certificates("anchors")?, alone, identity, will_value })
}
