//! The errors and labels of modules and tokens, for people. Their texts come from outside, so they are shortened and made
//! harmless.

use crate::strangers::harmless;
use cryptoki::error::{Error, RvError};

/// The number of entries of a list that are shown.
const MAX_LISTED: usize = 20;
/// The number of characters of a label that are shown.
const MAX_SHOWN: usize = 64;

/// Describes a failure by the standard's names: `C_Sign: CKR_DEVICE_REMOVED`.
pub(super) fn of(error: &Error) -> String {
    match error {
        Error::Pkcs11(code, function) => format!("C_{function:?}: {}", name(*code)),
        other => other.to_string(),
    }
}

fn name(code: RvError) -> String {
    match code {
        RvError::VendorDefined(number) | RvError::UnknownErrorCode(number) => format!("error {number:#x}"),
        code => {
            let mut name = "CKR".to_owned();
            for c in format!("{code:?}").chars() {
                if c.is_uppercase() {
                    name.push('_');
                }
                name.push(c.to_ascii_uppercase());
            }
            name
        }
    }
}

/// Returns whether the session has ended or is not logged in: the token was removed, or other code in this process has logged
/// out.
pub(super) fn is_gone(error: &Error) -> bool {
    use RvError::*;
    let Error::Pkcs11(code, _) = error else { return false };
    matches!(
        code,
        DeviceRemoved
            | TokenNotPresent
            | TokenNotRecognized
            | SessionClosed
            | SessionHandleInvalid
            | SlotIdInvalid
            | UserNotLoggedIn
            | KeyHandleInvalid
            | ObjectHandleInvalid
            | CryptokiNotInitialized
    )
}

/// Returns the text in quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", harmless(text, MAX_SHOWN))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(MAX_SHOWN / 2).map(|byte| format!("{byte:02x}")).collect()
}

/// Returns `none`, or the texts separated by commas.
pub(super) fn list(mut texts: Vec<String>) -> String {
    let more = texts.len().saturating_sub(MAX_LISTED);
    texts.truncate(MAX_LISTED);
    match (texts.is_empty(), more) {
        (true, _) => "none".into(),
        (false, 0) => texts.join(", "),
        (false, more) => format!("{} and {more} more", texts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki::context::Function;

    #[test]
    fn failures_have_the_names_of_the_standard() {
        assert_eq!(of(&Error::Pkcs11(RvError::DeviceRemoved, Function::Sign)), "C_Sign: CKR_DEVICE_REMOVED");
        assert_eq!(of(&Error::Pkcs11(RvError::PinIncorrect, Function::Login)), "C_Login: CKR_PIN_INCORRECT");
        assert_eq!(of(&Error::Pkcs11(RvError::VendorDefined(0x8000_0001), Function::Sign)), "C_Sign: error 0x80000001");
    }

    #[test]
    fn labels_of_tokens_are_harmless_and_bounded() {
        assert_eq!(quoted("a\u{1b}[2J\u{202e}b\n"), "'a[2Jb'");
        assert_eq!(quoted(&"x".repeat(1000)).len(), MAX_SHOWN + 2);
        assert_eq!(hex(&[1, 0xab]), "01ab");
        assert_eq!(list(Vec::new()), "none");
        assert!(list(vec!["a".into(); 30]).ends_with("a and 10 more"));
    }
}
