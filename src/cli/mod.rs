//! The command `sinetstream`: checks a service, writes to it, reads from it, encrypts values for its configuration, and manages
//! the outbox on disk.
//!
//! `args` has the options, `overrides` the `KEY=VALUE` arguments, `service` joins both with the configuration file. `write`
//! takes its messages from `input`, `read` gives them to `output`, with their `properties` on request; `encrypt` needs neither;
//! `check` and `outbox` have folders of their own. `stop` turns signals into a clean end, `progress` owns standard error,
//! `failure` the exit codes.

mod args;
mod binary;
mod check;
mod completions;
mod encrypt;
mod failure;
mod input;
mod log;
mod outbox;
mod output;
mod overrides;
mod progress;
mod properties;
mod read;
mod service;
mod stop;
mod terminal;
mod time;
mod write;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use args::{Arguments, Command};
use progress::say;

use crate::keys::token;

/// The time that the end of the command waits for tokens that are still busy.
const SETTLING: Duration = Duration::from_secs(1);

/// Runs the command with the arguments of the process.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse_from(args::with_long_names(std::env::args_os()));
    let ended = match arguments.command {
        Command::Check(options) => check::run(&options),
        Command::Write(options) => write::run(&options),
        Command::Read(options) => read::run(&options),
        Command::Encrypt(options) => encrypt::run(&options),
        Command::Outbox(command) => outbox::run(&command),
        Command::Completions { shell } => completions::print(shell),
    };
    let exit = ended.unwrap_or_else(|failure| {
        say(&format!("sinetstream: {}", failure.message));
        failure.exit
    });
    token::settled(SETTLING);
    ExitCode::from(exit as u8)
}
