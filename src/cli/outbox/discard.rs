//! `sinetstream outbox discard`: removes all messages that wait.

use std::io::{BufRead, IsTerminal, Write};

use indicatif::HumanBytes;

use super::contents::{Contents, count};
use crate::cli::args::Discard;
use crate::cli::failure::{Exit, Failure, Result};
use crate::cli::progress::say;
use crate::cli::terminal::harmless;
use crate::outbox;

pub(super) fn run(options: &Discard) -> Result<Exit> {
    let contents = Contents::of(&options.directory)?;
    let what = what(options, &contents);
    if !options.yes {
        if !std::io::stdin().is_terminal() {
            return Err(Failure::usage(format!("{what} would be lost; --yes confirms that")));
        }
        let question = format!("discard {what} of the outbox '{}'? [y/N] ", options.directory.display());
        let is_wanted = is_wanted(&question, &mut std::io::stdin().lock(), &mut std::io::stderr());
        if !is_wanted.map_err(|e| Failure::new(format!("standard input: {e}")))? {
            say("nothing was discarded");
            return Ok(Exit::Failed);
        }
    }
    outbox::discard(&options.directory, options.set_aside)?;
    say(&format!("discarded {what}"));
    Ok(Exit::Done)
}

fn what(options: &Discard, contents: &Contents) -> String {
    let waiting = format!("{} ({})", count(contents.messages), HumanBytes(contents.bytes));
    let aside = contents.damaged_files.len() + contents.refused_files.len();
    match options.set_aside {
        true => format!("{waiting} and {aside} file{} set aside", if aside == 1 { "" } else { "s" }),
        false => waiting,
    }
}

fn is_wanted(question: &str, input: &mut impl BufRead, output: &mut impl Write) -> std::io::Result<bool> {
    output.write_all(harmless(question).as_bytes())?;
    output.flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_discards() {
        for (answer, expected) in
            [("y\n", true), ("YES\n", true), ("", false), ("\n", false), ("n\n", false), ("yet\n", false)]
        {
            let mut asked = Vec::new();
            assert_eq!(is_wanted("discard?", &mut answer.as_bytes(), &mut asked).unwrap(), expected, "{answer:?}");
            assert_eq!(asked, b"discard?");
        }
    }
}
