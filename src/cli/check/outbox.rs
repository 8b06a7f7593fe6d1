//! Checks the outbox on disk of a service: whether a writer can use its directory, and what is in it. The check changes nothing
//! there.

use std::io;
use std::path::Path;

use indicatif::HumanBytes;
use serde_json::{Value as Json, json};

use super::advice::Advice;
use crate::cli::failure::reworded;
use crate::cli::outbox::contents::{Contents, count, owner_name};
use crate::cli::time::utc;
use crate::config::OutboxSettings;

/// The findings about the outbox.
pub(super) struct Finding {
    pub facts: String,
    pub json: Json,
    pub trouble: Option<Trouble>,
}

pub(super) enum Trouble {
    /// The reason why a writer can't use it.
    Error(String, Advice),
    Doubt(Advice),
}

pub(super) fn look_at(of: &OutboxSettings) -> Finding {
    let directory = of.directory.display();
    let mut json = json!({ "directory": directory.to_string() });
    let (facts, trouble) = match found(of, &mut json) {
        Ok((facts, doubt)) => (format!("{directory}: {facts}"), doubt.map(Trouble::Doubt)),
        Err((error, advice)) => (directory.to_string(), Some(Trouble::Error(error, advice))),
    };
    Finding { facts, json, trouble }
}

type Unusable = (String, Advice);

fn found(of: &OutboxSettings, json: &mut Json) -> Result<(String, Option<Advice>), Unusable> {
    let (there, is_there) = existing(&of.directory)?;
    writable(there).map_err(|e| {
        let error = format!("the outbox '{}' can't be used: {}: {e}", of.directory.display(), there.display());
        let remedy =
            "give the directory to the user under whom the program runs, or name another one in 'outbox.directory'";
        (error, Advice::new("the rights of the directory, or a file system that is mounted read-only", remedy))
    })?;
    let contents = match is_there {
        false => None,
        true => Contents::if_any(&of.directory).map_err(|e| {
            let remedy = "look at the file that the error names; 'sinetstream outbox list' tells more";
            (reworded(e), Advice::new("the directory holds something that this release can't read", remedy))
        })?,
    };
    let free = free_bytes(there);
    json["is_there"] = json!(is_there);
    json["free_bytes"] = json!(free);
    let mut facts = Vec::new();
    if !is_there {
        facts.push("does not exist yet; the first writer creates it".to_owned());
    }
    let contents = contents.unwrap_or_default();
    facts.push(match contents.times_us {
        Some((oldest, _)) => {
            let (waiting, bytes) = (count(contents.messages), HumanBytes(contents.bytes));
            format!("{waiting} ({bytes}) from before, the oldest of {}", utc(oldest))
        }
        None => "empty".into(),
    });
    json["messages"] = json!(contents.messages);
    json["oldest"] = json!(contents.times_us.map(|(oldest, _)| utc(oldest)));
    if let Some(owner) = contents.owner {
        facts.push(format!("in use by {}", owner_name(owner)));
    }
    json["process"] = json!(contents.owner.and_then(|owner| owner.process));
    let aside = [("damaged", contents.damaged_files.len()), ("refused", contents.refused_files.len())];
    for (kind, files) in aside {
        json[format!("{kind}_files")] = json!(files);
        if files > 0 {
            facts.push(format!("{files} file{} '{kind}-…'", if files == 1 { "" } else { "s" }));
        }
    }
    if let Some(free) = free {
        facts.push(format!("{} free, 'max_bytes' is {}", HumanBytes(free), HumanBytes(of.max_bytes)));
    }
    let doubt = doubt(of, &contents, free, aside.iter().any(|(_, files)| *files > 0));
    Ok((facts.join("; "), doubt))
}

fn doubt(of: &OutboxSettings, contents: &Contents, free: Option<u64>, has_aside: bool) -> Option<Advice> {
    let needed = of.max_bytes.saturating_sub(contents.bytes);
    if let Some(free) = free.filter(|free| *free < needed) {
        return Some(Advice::new(
            format!(
                "the file system is full before the outbox is: {} may still come, and {} are free",
                HumanBytes(needed),
                HumanBytes(free)
            ),
            "make room, or take a smaller 'outbox.max_bytes': writes fail at once when the disk is full, and wait when the outbox is",
        ));
    }
    has_aside.then(|| {
        Advice::new(
            "messages were damaged on the disk, or refused by the broker for good, and are kept in these files",
            "'sinetstream outbox list' names them, 'export --refused' shows what was refused, 'discard --set-aside' removes them",
        )
    })
}

/// Returns the directory, or its nearest ancestor that exists.
fn existing(directory: &Path) -> Result<(&Path, bool), Unusable> {
    for there in directory.ancestors() {
        let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
        match std::fs::metadata(there) {
            Ok(metadata) if metadata.is_dir() => return Ok((there, there == directory)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) if e.kind() != io::ErrorKind::NotADirectory => {
                return Err(unusable(directory, &format!("{}: {e}", there.display())));
            }
            _ => return Err(unusable(directory, &format!("{} is not a directory", there.display()))),
        }
    }
    Err(unusable(directory, "there is no directory above it"))
}

fn unusable(directory: &Path, why: &str) -> Unusable {
    let error = format!("the outbox '{}' can't be used: {why}", directory.display());
    (
        error,
        Advice::new("'outbox.directory' is misspelt, or a part of it is something else", "correct 'outbox.directory'"),
    )
}

/// Checks whether files can be created in the directory, as far as the system tells without creating one.
#[cfg(unix)]
fn writable(directory: &Path) -> io::Result<()> {
    use rustix::fs::{Access, access};
    Ok(access(directory, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK)?)
}

#[cfg(not(unix))]
fn writable(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Returns how many bytes are free for this user.
#[cfg(unix)]
fn free_bytes(directory: &Path) -> Option<u64> {
    let file_system = rustix::fs::statvfs(directory).ok()?;
    Some(file_system.f_bavail.saturating_mul(file_system.f_frsize))
}

#[cfg(not(unix))]
fn free_bytes(_: &Path) -> Option<u64> {
    None
}
