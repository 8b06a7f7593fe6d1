//! The options of the command. Those of SINETStream's `sinetstream_cli` keep their letters.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Parser, Subcommand, ValueHint};
use clap_complete::Shell;

const EXIT_CODES: &str = "\
Exit codes:
    0  done
    1  failed: a write that was not confirmed, a message that can't be decoded, fewer messages than --count, a file
    2  wrong usage
    3  configuration
    4  connection: DNS, TCP, TLS, WebSocket, time-out
    5  login refused
    6  subscription or publish refused
  130  ended by Ctrl-C: what was written before is with the broker, or the error says how much is not
  143  the same, by SIGTERM";

const PARAMETERS: &str = "\
Parameters:
  KEY=VALUE sets or replaces a parameter of the configuration file. A dot leads into a map and changes only what is
  named: tls.ca_certs=ca.pem. The value is YAML: brokers='[a.example.org,b.example.org]', qos=1; quotes make it a
  string whatever it looks like: topic='\"123\"'.

  KEY=@FILE takes the first line of the file, as a string. Use it for passwords:

      username_pw.username=user01 username_pw.password=@password.txt

  Other users of the machine can see the arguments of a command, and the shell keeps them in its history; they see
  the file's name only.";

/// SINETStream's MQTT client as a command: checks a service, writes to it, reads from it
#[derive(Parser)]
#[command(name = "sinetstream", version, after_help = EXIT_CODES, propagate_version = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Check the configuration and try the connection step by step, with the likely cause of what fails
    #[command(after_help = EXIT_CODES, after_long_help = with_parameters())]
    Check(Check),
    /// Write messages: from -m, from files, or from standard input
    #[command(alias = "pub", after_help = EXIT_CODES, after_long_help = with_parameters())]
    Write(Write),
    /// Read messages until Ctrl-C, --count or --timeout
    #[command(alias = "sub", after_help = EXIT_CODES, after_long_help = with_parameters())]
    Read(Read),
    /// Encrypt a secret for a configuration file: from standard input to a value for the file
    #[command(after_help = EXIT_CODES, after_long_help = with_encrypt())]
    Encrypt(Encrypt),
    /// Look into the outbox on disk of a writer, send what is in it, or empty it
    #[command(subcommand, after_help = EXIT_CODES)]
    Outbox(Outbox),
    /// Print the completions for a shell: `sinetstream completions bash >>~/.bashrc`
    Completions {
        /// The shell
        shell: Shell,
    },
}

fn with_parameters() -> String {
    format!("{PARAMETERS}\n\n{EXIT_CODES}")
}

#[derive(Args)]
pub(super) struct Common {
    /// The service in the configuration file; not needed when the file has only one
    #[arg(short, long, value_name = "SERVICE")]
    pub service: Option<String>,
    /// The configuration file, instead of ./.sinetstream_config.yml or ~/.config/sinetstream/config.yml
    #[arg(short, long, value_name = "FILE", alias = "config-file", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
    /// Read no configuration file: all parameters are given as KEY=VALUE. Also -nc
    #[arg(long, alias = "no-config-file", conflicts_with = "config")]
    pub no_config: bool,
    /// Say more; given twice, say everything
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,
    // A parameter is parsed later, because clap would quote a wrong one, which may be a password.
    /// A parameter, as in the configuration file; KEY=@FILE takes the value from a file, as passwords should be. See
    /// --help
    #[arg(value_name = "KEY=VALUE")]
    pub parameters: Vec<String>,
}

#[derive(Args)]
pub(super) struct Check {
    #[command(flatten)]
    pub common: Common,
    /// Look at the configuration, and at the directory of an outbox, only: do nothing on the network
    #[arg(long)]
    pub offline: bool,
    /// Leave out the test message on the service's topic, which its readers would get
    #[arg(long)]
    pub no_publish: bool,
    /// Connect with the service's client id, as its program does: a program that runs with it meanwhile loses its connection.
    /// The check then subscribes and publishes one after the other, and does neither where the broker keeps the session
    #[arg(long)]
    pub service_client_id: bool,
    /// Print the result as one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub(super) struct Write {
    #[command(flatten)]
    pub common: Common,
    /// Treat messages as text, and refuse what is not UTF-8
    #[arg(short, long)]
    pub text: bool,
    /// The message
    #[arg(short, long, value_name = "MESSAGE", allow_hyphen_values = true)]
    pub message: Option<String>,
    /// Clear the topic's retained message: write one that is empty and retained, without SINETStream's header
    #[arg(long, conflicts_with_all = ["message", "file", "line", "raw", "text", "count", "rate"])]
    pub clear: bool,
    /// A file, which becomes one message, or a folder, of which each file becomes a message, in the order of their names and
    /// without hidden ones
    #[arg(short, long, value_name = "FILE", conflicts_with = "message", value_hint = ValueHint::AnyPath)]
    pub file: Option<PathBuf>,
    /// Send every line as a message, without its line end
    #[arg(short, long)]
    pub line: bool,
    /// With -l, keep the line ends
    #[arg(short, long)]
    pub raw: bool,
    /// Write this many messages: -m and -f are repeated as often as needed, standard input is not
    #[arg(short = 'C', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// Write at most this many messages per second
    #[arg(long, value_name = "N", value_parser = rate)]
    pub rate: Option<f64>,
    /// Write to this topic instead of the service's
    #[arg(long, value_name = "TOPIC")]
    pub topic: Option<String>,
    /// Let the broker keep the message for new readers
    #[arg(long)]
    pub retain: bool,
    #[command(flatten)]
    pub properties: Properties,
}

/// The properties of MQTT 5 for these messages, which replace those of the service.
#[derive(Args)]
#[command(next_help_heading = "Options of MQTT 5")]
pub(super) struct Properties {
    /// Let the broker drop a message that it could not deliver for this long
    #[arg(long, value_name = "SECONDS", value_parser = expiry)]
    pub expiry: Option<Duration>,
    /// The type of the value, usually a MIME type
    #[arg(long, value_name = "TYPE")]
    pub content_type: Option<String>,
    /// The topic to which an answer should be sent
    #[arg(long, value_name = "TOPIC")]
    pub response_topic: Option<String>,
    /// The data that an answer should carry
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub correlation_data: Option<String>,
    /// A name and a value; may be given several times, with the same name, too
    #[arg(long = "user-property", value_name = "NAME=VALUE", value_parser = pair)]
    pub user_properties: Vec<(String, String)>,
}

#[derive(Args)]
pub(super) struct Read {
    #[command(flatten)]
    pub common: Common,
    /// Treat messages as text: each ends with a line end on standard output, and what is not UTF-8 is an error
    #[arg(short, long)]
    pub text: bool,
    /// Store each message as a file of this folder; the name is topic, a random text of this run, and the number
    #[arg(short, long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub file: Option<PathBuf>,
    /// Print the values only; without -t byte for byte
    #[arg(short, long)]
    pub raw: bool,
    /// Print one JSON object per message, with topic, timestamp, qos, retain and the value: as text with -t, else in
    /// Base64
    #[arg(long, conflicts_with = "raw")]
    pub json: bool,
    /// Show the properties of MQTT 5 that a message has
    #[arg(long, conflicts_with = "raw")]
    pub properties: bool,
    /// End after this many messages
    #[arg(short = 'C', long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
    /// End when nothing comes for this long
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub timeout: Option<f64>,
    /// Report a message that can't be decoded, and go on
    #[arg(short, long)]
    pub keep_going: bool,
}

const ENCRYPT: &str = "\
Example:
  The value comes from standard input, so that neither the shell's history nor the list of processes has it:

      read -rs value; printf %s \"$value\" | sinetstream encrypt --public-key public_key.pem

  The output goes into the file as it is, behind the name of a parameter:

      password: !sinetstream/encrypted AAEBAUp4…";

fn with_encrypt() -> String {
    format!("{ENCRYPT}\n\n{EXIT_CODES}")
}

#[derive(Args)]
pub(super) struct Encrypt {
    /// The RSA key for which the value is encrypted, in PEM; `openssl pkey -in private_key.pem -pubout` prints it
    #[arg(short = 'k', long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub public_key: PathBuf,
    /// Take the value byte for byte, including the line end
    #[arg(short, long)]
    pub raw: bool,
}

#[derive(Subcommand)]
pub(super) enum Outbox {
    /// Tell how many messages wait, since when, for which topics, and what was set aside; never a value
    #[command(after_help = EXIT_CODES)]
    List(List),
    /// Write the messages that wait as JSON, one object a line, and change nothing
    #[command(after_help = EXIT_CODES, after_long_help = with_export())]
    Export(Export),
    /// Send all that waits, with the configuration of its service
    #[command(after_help = EXIT_CODES, after_long_help = with_parameters())]
    Drain(Drain),
    /// Remove all that waits, without sending it
    #[command(after_help = EXIT_CODES)]
    Discard(Discard),
}

const EXPORT: &str = "\
Output:
  One JSON object a line, in the order of sending: number, topic, timestamp (UTC), timestamp_us (microseconds since 1970) and
  payload: the message in Base64, as it is sent, which has SINETStream's header unless 'user_data_only' is set, and is
  encrypted if the service encrypts. A message that was written with options also has retain and properties.";

fn with_export() -> String {
    format!("{EXPORT}\n\n{EXIT_CODES}")
}

#[derive(Args)]
pub(super) struct List {
    /// The directory of the outbox
    #[arg(value_hint = ValueHint::DirPath)]
    pub directory: PathBuf,
    /// Print the result as one JSON object
    #[arg(long)]
    pub json: bool,
}

#[derive(Args)]
pub(super) struct Export {
    /// The directory of the outbox
    #[arg(value_hint = ValueHint::DirPath)]
    pub directory: PathBuf,
    /// Write to this file, which must not be there yet, instead of standard output
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// The messages that brokers have refused for good, from the files 'refused-…', instead of those that wait
    #[arg(long)]
    pub refused: bool,
}

#[derive(Args)]
pub(super) struct Drain {
    /// The directory of the outbox
    #[arg(value_hint = ValueHint::DirPath)]
    pub directory: PathBuf,
    /// Wait for a broker that can't be reached or is lost, until Ctrl-C
    #[arg(long)]
    pub wait: bool,
    #[command(flatten)]
    pub common: Common,
}

#[derive(Args)]
pub(super) struct Discard {
    /// The directory of the outbox
    #[arg(value_hint = ValueHint::DirPath)]
    pub directory: PathBuf,
    /// Remove the files 'damaged-…' and 'refused-…', too
    #[arg(long)]
    pub set_aside: bool,
    /// Do not ask for confirmation
    #[arg(short, long)]
    pub yes: bool,
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (1e-6..=1e9).contains(&rate) => Ok(rate),
        _ => Err("expected messages per second, more than 0".into()),
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn seconds(text: &str) -> Result<f64, String> {
    seconds_up_to(1_000_000_000, text)
}

/// What MQTT can say in four bytes.
fn expiry(text: &str) -> Result<Duration, String> {
    seconds_up_to(u32::MAX, text).map(Duration::from_secs_f64)
}

fn seconds_up_to(most: u32, text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(seconds) if (0.0..=f64::from(most)).contains(&seconds) => Ok(seconds),
        _ => Err(format!("expected seconds, from 0 to {most}")),
    }
}

/// Replaces `-nc`, which users know as one option, by its long name, because clap's options have one letter or a long name.
pub(super) fn with_long_names(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut long = Vec::new();
    let mut options = true;
    for argument in arguments {
        options &= argument != "--";
        let is_value = long.last().is_some_and(|last| last == "-m" || last == "--message");
        match options && !is_value && argument == "-nc" {
            true => long.push("--no-config".into()),
            false => long.push(argument),
        }
    }
    long
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_do_not_contradict_each_other() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn nc_is_an_option_and_not_a_value() {
        let long = |arguments: &[&str]| with_long_names(arguments.iter().map(OsString::from));
        assert_eq!(long(&["x", "read", "-nc", "a=b"]), ["x", "read", "--no-config", "a=b"]);
        assert_eq!(long(&["x", "-m", "-nc", "--", "-nc"]), ["x", "-m", "-nc", "--", "-nc"]);
    }
}
