//! `sinetstream encrypt`: a secret from standard input becomes a value for a configuration file.

use std::io::{IsTerminal, Write};

use zeroize::Zeroizing;

use super::args::Encrypt;
use super::failure::{Exit, Failure, Result};
use super::progress::say;
use crate::config::seal::PublicKey;
use crate::{files, wiped};

pub(super) fn run(options: &Encrypt) -> Result<Exit> {
    let configuration = |message: String| Failure { message, exit: Exit::Configuration };
    // The key is checked before the user types the secret.
    let key = PublicKey::read(&options.public_key).map_err(configuration)?;
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        say("type the value, which will be visible; end it with Enter and then Ctrl-D");
    }
    let value = wiped::read(stdin.lock(), 0, files::MAX_BYTES);
    let value: Zeroizing<Vec<u8>> = value.map_err(|e| Failure::new(format!("standard input: {e}")))?;
    let value = if options.raw { &value[..] } else { without_end(&value) };
    if value.is_empty() {
        return Err(Failure::usage("standard input is empty, expected the value to encrypt"));
    }
    let sealed = key.seal(value).map_err(Failure::new)?;
    writeln!(std::io::stdout(), "!sinetstream/encrypted {sealed}")
        .map_err(|e| Failure::new(format!("standard output: {e}")))?;
    Ok(Exit::Done)
}

/// Removes the end of the last line, which `echo` and editors put behind a value.
fn without_end(value: &[u8]) -> &[u8] {
    match value.strip_suffix(b"\n") {
        Some(line) => line.strip_suffix(b"\r").unwrap_or(line),
        None => value,
    }
}
