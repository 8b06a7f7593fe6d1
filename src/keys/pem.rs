//! PEM, with the headers of OpenSSL's older encrypted keys (RFC 1421).

use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

use super::section::Section;
use super::{der, foreign};

/// Returns every section of a text, and skips the text around them. DER is accepted as well, and so is PEM in the forms that
/// editors, shells and environment variables give it.
pub(crate) fn sections(bytes: &[u8]) -> Result<Vec<Section>, String> {
    if let Some(found) = der::sections(bytes) {
        return found;
    }
    if let Some(what) = foreign::other(bytes) {
        return Err(what.into());
    }
    let text = text(bytes);
    let found = sections_of(&text)?;
    match found.is_empty() {
        // The text is Base64 without the lines around it.
        true => match Base64::decode_vec(&Zeroizing::new(text.split_whitespace().collect::<String>())) {
            Ok(der) => der::sections(&Zeroizing::new(der)).unwrap_or(Ok(found)),
            Err(_) => Ok(found),
        },
        false => Ok(found),
    }
}

fn text(bytes: &[u8]) -> Zeroizing<String> {
    let wide = |from_bytes: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| from_bytes([pair[0], pair[1]]));
        char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>()
    };
    let text = match bytes {
        // PowerShell writes UTF-16.
        [0xFF, 0xFE, ..] | [b'-', 0, ..] => wide(u16::from_le_bytes),
        [0xFE, 0xFF, ..] | [0, b'-', ..] => wide(u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    };
    let text = Zeroizing::new(text);
    // The line ends are escaped, as in JSON or in one line of a variable. PEM itself has no backslash.
    match text.contains("-----\\n") || text.contains("-----\\r\\n") {
        true => Zeroizing::new(text.replace("\\r", "").replace("\\n", "\n").replace('"', "")),
        false => text,
    }
}

fn sections_of(text: &str) -> Result<Vec<Section>, String> {
    let mut lines = text.lines().map(str::trim).enumerate();
    let mut sections = Vec::new();
    while let Some((number, line)) = lines.next() {
        let Some(label) = line.trim_start_matches('\u{feff}').strip_prefix("-----BEGIN ") else { continue };
        let broken = |what: &str| format!("is not valid PEM: line {}: {what}", number + 1);
        let label = label.strip_suffix("-----").ok_or_else(|| broken("the BEGIN is cut off"))?;
        let end = format!("-----END {label}-----");
        let mut headers = Vec::new();
        let mut base64 = Vec::new();
        loop {
            match lines.next() {
                None => return Err(broken("its END is missing")),
                Some((_, line)) if line == end => break,
                Some((_, line)) if line.starts_with("-----") => return Err(broken("its END is missing")),
                Some((_, line)) => match line.split_once(':') {
                    Some((name, value)) => headers.push((name.to_owned(), value.trim().to_owned())),
                    None => base64.extend(line.split_whitespace()),
                },
            }
        }
        let base64 = Zeroizing::new(base64.concat());
        let body = Base64::decode_vec(&base64).map_err(|_| broken("not Base64 until its END"))?;
        sections.push(Section { label: label.to_owned(), headers, body: body.into() });
    }
    Ok(sections)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sections_are_found_among_other_text() {
        let text = "\u{feff}-----BEGIN A-----\r\naGVs\r\n  bG8= \r\n-----END A-----\r\nsubject=/CN=x\n\
                    -----BEGIN B KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: X,00\n\nAA==\n-----END B KEY-----";
        let found = sections(text.as_bytes()).expect("sections");
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].label.as_str(), &found[0].body[..]), ("A", &b"hello"[..]));
        assert_eq!((found[1].label.as_str(), &found[1].body[..]), ("B KEY", &[0][..]));
        assert_eq!(found[1].header("DEK-Info"), Some("X,00"));
        assert!(sections(b"").expect("nothing").is_empty());
    }

    #[test]
    fn broken_ones_are_told_with_their_line() {
        for text in ["\n-----BEGIN A-----\naGVs", "\n-----BEGIN A-----\n!!\n-----END A-----", "\n-----BEGIN A"] {
            assert!(sections(text.as_bytes()).err().expect("an error").contains("line 2"), "{text}");
        }
        assert!(sections(b"-----BEGIN A-----\n-----BEGIN A-----\n-----END A-----").is_err());
        assert!(sections(&[0x30, 2, 5, 0]).err().expect("an error").contains("DER"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_sections_or_an_error(bytes: Vec<u8>, text in "(-----(BEGIN|END) [AB]?(-----)?|[a-z:=\n]){0,9}") {
            let _ = sections(&bytes);
            let _ = sections(text.as_bytes());
        }
    }
}
