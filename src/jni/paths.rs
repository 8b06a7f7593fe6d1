//! Files and folders on their way from Java and back: text if they are UTF-8, otherwise the bytes; see `engine.HostPath` in
//! Java.

use std::path::{Path, PathBuf};

use crate::config::{Value, path};

/// Returns the path that Java names.
pub(super) fn given(value: Option<&Value>) -> Option<PathBuf> {
    value.and_then(path::of_value)
}

/// Returns the path of a folder that this process also knows as `own`: Java's property may have lost bytes that the operating
/// system has.
pub(super) fn folder(value: Option<&Value>, own: Option<PathBuf>) -> Option<PathBuf> {
    match (value, own) {
        (Some(Value::Str(seen)), Some(own)) if is_what_java_sees(&own, seen) => Some(own),
        (value, _) => given(value),
    }
}

/// Returns whether a JVM without an encoding, as under `LC_ALL=C`, shows this path as `seen`: each byte that is not ASCII is a
/// U+FFFD or, in Java 11, a question mark.
fn is_what_java_sees(path: &Path, seen: &str) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    let same = |(byte, seen): (&u8, char)| match seen {
        '?' | char::REPLACEMENT_CHARACTER if !byte.is_ascii() => true,
        seen => char::from(*byte) == seen && byte.is_ascii(),
    };
    bytes.len() == seen.chars().count() && bytes.iter().zip(seen.chars()).all(same)
}

/// Returns the path in the form for Java.
pub(super) fn told(path: &Path) -> Value {
    path::to_value(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_of(seen: &str, own: &str) -> PathBuf {
        folder(Some(&Value::from(seen)), Some(own.into())).unwrap()
    }

    #[test]
    fn what_java_has_lost_is_the_processes_own_folder() {
        let (own, lost) = ("/a/日b", "/a/\u{FFFD}\u{FFFD}\u{FFFD}b");
        assert_eq!(folder_of(lost, own), Path::new(own));
        assert_eq!(folder_of("/a/???b", own), Path::new(own));
        assert_eq!(folder_of("/plain", "/plain"), Path::new("/plain"));
    }

    #[test]
    fn a_folder_that_the_program_has_chosen_wins() {
        for chosen in ["/a/日b", "/a/月b", "/b", "/a/???c", "/a/??b", "/a/?b"] {
            assert_eq!(folder_of(chosen, "/a/山b"), Path::new(chosen));
        }
        assert_eq!(folder_of("/a/b?", "/a/bc"), Path::new("/a/b?"));
        assert_eq!(folder(Some(&Value::from("/a")), None), Some("/a".into()));
        assert_eq!(folder(None, Some("/a".into())), None);
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_not_utf_8_cross_as_they_are() {
        let path = given(Some(&Value::Bytes(b"/a/\xC6\xFC".to_vec()))).unwrap();
        assert_eq!(path.as_os_str().as_encoded_bytes(), b"/a/\xC6\xFC");
        assert!(told(&path) == Value::Bytes(b"/a/\xC6\xFC".to_vec()));
        assert!(told(Path::new("/a/日")) == Value::from("/a/日"));
    }
}
