//! File names as values: text if they are UTF-8, otherwise bytes, which are the native form outside Windows.

use std::path::{Path, PathBuf};

use super::value::Value;

pub(crate) fn to_value(path: &Path) -> Value {
    match path.to_str() {
        Some(text) => Value::from(text),
        None => Value::Bytes(path.as_os_str().as_encoded_bytes().to_vec()),
    }
}

pub(crate) fn of_value(value: &Value) -> Option<PathBuf> {
    match value {
        Value::Str(text) => Some(PathBuf::from(text)),
        #[cfg(unix)]
        Value::Bytes(bytes) => {
            use std::os::unix::ffi::OsStringExt;
            Some(std::ffi::OsString::from_vec(bytes.clone()).into())
        }
        _ => None,
    }
}
