//! `sinetstream completions SHELL`: prints the completions for a shell.

use std::io::{ErrorKind, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use super::args::Arguments;
use super::failure::{Exit, Failure, Result};

pub(super) fn print(shell: Shell) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "sinetstream", &mut script);
    match std::io::stdout().write_all(&script) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Failure::new(format!("standard output: {e}"))),
        _ => Ok(Exit::Done),
    }
}
