//! Rules for strings and binary data in packets (MQTT 5, sections 1.5.4 and 1.5.6).

/// The greatest length, because two bytes hold the length of a string or of binary data.
pub(crate) const MAX_LENGTH: usize = 65_535;

/// Checks a string; the error is what follows its name in a sentence. A broker may close the connection because of a control character or a noncharacter of Unicode in it, and
/// Mosquitto does, without a reason: the message could never be delivered, and would hold up all others.
pub(crate) fn check(text: &str) -> Result<(), String> {
    check_data(text.as_bytes())?;
    if text.contains(char::is_control) {
        return Err("contains a control character, which brokers refuse".into());
    }
    match text.chars().find(|c| is_noncharacter(*c)) {
        Some(c) => Err(format!("contains U+{:04X}, which is no character and which brokers refuse", c as u32)),
        None => Ok(()),
    }
}

/// The code points that Unicode sets aside for the inside of programs (Unicode 16, section 23.7).
fn is_noncharacter(c: char) -> bool {
    let code = c as u32;
    (0xFDD0..=0xFDEF).contains(&code) || code & 0xFFFE == 0xFFFE
}

/// Checks binary data; the error is as that of a string.
pub(crate) fn check_data(data: &[u8]) -> Result<(), String> {
    if data.len() > MAX_LENGTH {
        return Err(format!("is longer than {MAX_LENGTH} bytes, which MQTT can't carry"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_have_characters_only() {
        for good in ["", " ", "ä/日本", "\u{10FFFD}", "\u{FFFD}", "\u{FDCF}\u{FDF0}", "\u{1F600}"] {
            assert_eq!(check(good), Ok(()), "{good:?}");
        }
        for bad in ["\0", "a\tb", "line 1\nline 2", "\u{7F}", "\u{85}", "\u{9F}"] {
            assert!(check(bad).is_err_and(|why| why.contains("control character")), "{bad:?}");
        }
        for bad in ["\u{FDD0}", "\u{FDEF}", "\u{FFFE}", "\u{FFFF}", "\u{1FFFE}", "\u{10FFFF}"] {
            assert!(check(bad).is_err_and(|why| why.contains("no character")), "{bad:?}");
        }
        assert!(check(&"x".repeat(MAX_LENGTH + 1)).is_err());
    }
}
