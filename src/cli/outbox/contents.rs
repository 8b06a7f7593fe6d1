//! Surveys an outbox: how many messages wait, since when, for which topics, and what was set aside. Values are not examined.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Result};
use crate::outbox::{Inspection, Owner, SetAside};

/// A survey of an outbox.
#[derive(Default)]
pub(in crate::cli) struct Contents {
    /// The process that has locked the directory.
    pub owner: Option<Owner>,
    pub messages: u64,
    /// The part of `max_bytes` that the messages take.
    pub bytes: u64,
    /// The times at which the oldest and the newest message were accepted, in microseconds since 1970.
    pub times_us: Option<(i64, i64)>,
    /// The number of messages for each topic.
    pub topics: BTreeMap<String, u64>,
    /// The number of messages whose topic is damaged.
    pub without_topic: u64,
    /// Damage that no writer has found yet, described for people.
    pub damages: Vec<String>,
    /// The names and sizes in bytes of the files with damaged data.
    pub damaged_files: Vec<(String, u64)>,
    pub refused_files: Vec<(String, u64)>,
    /// The number of messages in the files with refused messages.
    pub refused_messages: u64,
}

impl Contents {
    pub fn of(directory: &Path) -> Result<Contents> {
        Contents::seen_by(&Inspection::begin(directory)?)
    }

    /// Surveys a directory; returns `None` if no writer has used it.
    pub fn if_any(directory: &Path) -> Result<Option<Contents>> {
        Inspection::if_any(directory)?.map(|inspection| Contents::seen_by(&inspection)).transpose()
    }

    fn seen_by(inspection: &Inspection) -> Result<Contents> {
        let mut contents = Contents { owner: inspection.owner, ..Contents::default() };
        contents.damages = inspection.messages(|message| {
            contents.messages += 1;
            contents.bytes += message.bytes;
            let time = message.time_us;
            let (oldest, newest) = contents.times_us.unwrap_or((time, time));
            contents.times_us = Some((oldest.min(time), newest.max(time)));
            match message.topic.map(|topic| (contents.topics.get_mut(topic), topic)) {
                Some((Some(count), _)) => *count += 1,
                Some((None, topic)) => drop(contents.topics.insert(topic.to_owned(), 1)),
                None => contents.without_topic += 1,
            }
            Ok::<_, Error>(true)
        })?;
        inspection.refused(|_| {
            contents.refused_messages += 1;
            Ok::<_, Error>(true)
        })?;
        let pairs = |files: Vec<SetAside>| files.into_iter().map(|file| (file.name, file.bytes)).collect();
        contents.damaged_files = pairs(inspection.damaged_files()?);
        contents.refused_files = pairs(inspection.refused_files()?);
        Ok(contents)
    }
}

/// Names the process for people.
pub(in crate::cli) fn owner_name(owner: Owner) -> String {
    match owner.process {
        Some(id) => format!("process {id}"),
        None => "another process".into(),
    }
}

/// Words a number of messages for people.
pub(in crate::cli) fn count(messages: u64) -> String {
    format!("{messages} message{}", if messages == 1 { "" } else { "s" })
}
