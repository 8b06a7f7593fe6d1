//! `sinetstream outbox list`: describes the messages that wait.

use indicatif::HumanBytes;
use serde_json::json;

use super::contents::{Contents, count, owner_name};
use crate::cli::args::List;
use crate::cli::failure::{Exit, Result};
use crate::cli::output::print;
use crate::cli::terminal::harmless;
use crate::cli::time::utc;

pub(super) fn run(options: &List) -> Result<Exit> {
    let contents = Contents::of(&options.directory)?;
    let shown = match options.json {
        true => as_json(options, &contents),
        false => harmless(&text(options, &contents)),
    };
    print(&shown)?;
    Ok(Exit::Done)
}

fn text(options: &List, contents: &Contents) -> String {
    let mut lines = vec![("outbox", options.directory.display().to_string())];
    match contents.owner {
        Some(owner) => lines.push(("in use by", format!("{}; the numbers are a snapshot", owner_name(owner)))),
        None => lines.push(("in use by", "nobody".into())),
    }
    lines.push(("waiting", format!("{}, {}", count(contents.messages), HumanBytes(contents.bytes))));
    if let Some((oldest, newest)) = contents.times_us {
        lines.push(("oldest", utc(oldest)));
        lines.push(("newest", utc(newest)));
    }
    for (topic, messages) in &contents.topics {
        lines.push(("topic", format!("{topic}: {}", count(*messages))));
    }
    if contents.without_topic > 0 {
        lines.push(("topic", format!("damaged: {}", count(contents.without_topic))));
    }
    lines.extend(contents.damages.iter().map(|damage| ("damage", damage.clone())));
    for (name, bytes) in &contents.damaged_files {
        lines.push(("damaged", format!("{name}, {}", HumanBytes(*bytes))));
    }
    for (name, bytes) in &contents.refused_files {
        lines.push(("refused", format!("{name}, {}", HumanBytes(*bytes))));
    }
    if !contents.refused_files.is_empty() {
        lines.push(("refused", format!("{} in all", count(contents.refused_messages))));
    }
    lines.iter().map(|(name, value)| format!("{name:<10} {value}\n")).collect()
}

fn as_json(options: &List, contents: &Contents) -> String {
    let time = |of: fn((i64, i64)) -> i64| contents.times_us.map(|times| utc(of(times)));
    let files = |files: &[(String, u64)]| -> Vec<_> {
        files.iter().map(|(name, bytes)| json!({ "file": name, "bytes": bytes })).collect()
    };
    let object = json!({
        "directory": options.directory.to_string_lossy(),
        "in_use": contents.owner.is_some(),
        "process": contents.owner.and_then(|owner| owner.process),
        "messages": contents.messages,
        "bytes": contents.bytes,
        "oldest": time(|(oldest, _)| oldest),
        "newest": time(|(_, newest)| newest),
        "topics": contents.topics,
        "messages_without_topic": contents.without_topic,
        "damages": contents.damages,
        "damaged": files(&contents.damaged_files),
        "refused": files(&contents.refused_files),
        "refused_messages": contents.refused_messages,
    });
    format!("{object}\n")
}
