//! `sinetstream outbox`: inspects the outbox on disk of a writer, sends its messages, or empties it.
//!
//! `contents` surveys the outbox, `list` and `check` show the survey; `export` writes the messages out, `drain` sends them,
//! `discard` removes them.

pub(super) mod contents;
mod discard;
mod drain;
mod export;
mod list;

use super::args::Outbox;
use super::failure::{Exit, Result};

pub(super) fn run(command: &Outbox) -> Result<Exit> {
    match command {
        Outbox::List(options) => list::run(options),
        Outbox::Export(options) => export::run(options),
        Outbox::Drain(options) => drain::run(options),
        Outbox::Discard(options) => discard::run(options),
    }
}
