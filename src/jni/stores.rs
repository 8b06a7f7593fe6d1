//! What only Java can open: the JVM's trusted certificates, and key stores.

use super::{paths, tree};
use crate::config::{ClientCertificate, Content, Map, Password, Store, TlsSettings, Trust, Value};
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
        ("alias", store.alias.as_ref().map_or(Value::Null, |alias| Value::from(alias.name.as_str()))),
        ("alias_place", store.alias.as_ref().map_or(Value::Null, |alias| Value::from(alias.place.as_str()))),
    ])
}

/// Reads what Java hands over: a map with lists of DER certificates `anchors` and `alone`, and the `identities`.
pub(super) fn decode(material: &[u8]) -> Result<KeyMaterial> {
    let malformed = || Error::Internal("malformed key material".into());
    let Value::Map(map) = tree::decode(material)? else { return Err(malformed()) };
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
    let alone = certificates(&map, "alone")?.unwrap_or_default();
    Ok(KeyMaterial { anchors: certificates(&map, "anchors")?, alone, identities, will_value })
}
