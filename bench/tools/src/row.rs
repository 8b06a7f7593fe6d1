//! Parses the name of a row: `BROKER/KIND/qQOS/SIZE[/wWINDOW|/tTHREADS]`, where the kinds of writes may be
//! `outbox-KIND/ACCEPT`, or `clients/N/BROKER/qQOS/SIZE`.

use std::str::FromStr;

use crate::Outcome;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Asynchronous writes, of which at most `window` are unconfirmed.
    Write { window: usize },
    /// `threads` threads write to one writer, and each waits for its confirmation.
    BlockingWrite { threads: usize },
    /// Messages are delivered to a callback or a future.
    Read,
    /// A thread fetches messages.
    BlockingRead,
    /// This many clients are in one process, half of them writers and half readers.
    Clients { count: usize },
}

/// The way in which a writer keeps its messages on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outbox {
    /// The place where a message must be so that it counts: `disk` or `broker`.
    pub accept: &'static str,
    /// Whether the message must be on the device, and not only with the operating system.
    pub is_synced: bool,
}

const OUTBOXES: [(&str, Outbox); 4] = [
    ("disk", Outbox { accept: "disk", is_synced: true }),
    ("broker", Outbox { accept: "broker", is_synced: true }),
    ("disk-unsynced", Outbox { accept: "disk", is_synced: false }),
    ("broker-unsynced", Outbox { accept: "broker", is_synced: false }),
];

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub name: String,
    pub broker: String,
    pub kind: Kind,
    /// The outbox of writes that are kept on disk.
    pub outbox: Option<Outbox>,
    pub qos: u8,
    /// The size of a value in bytes.
    pub size: usize,
}

impl Row {
    /// Returns the topic of a writer. Mosquitto's counting subscriber takes QoS 0 only, so it costs the other rows nothing.
    pub fn write_topic(&self) -> String {
        format!("bench/{}", self.qos)
    }

    /// Returns the topic of a reader: the feeder's, or one that makes the sink flood.
    pub fn read_topic(&self) -> String {
        match self.broker.as_str() {
            "sink" => format!("flood/{}/{}", self.qos, self.size),
            _ => "bench/read".to_owned(),
        }
    }
}

impl FromStr for Row {
    type Err = Box<dyn std::error::Error + Send + Sync>;

    fn from_str(name: &str) -> Outcome<Row> {
        let wrong = || {
            format!(
                "{name} is not a row; rows are BROKER/KIND/qQOS/SIZE[/wWINDOW|/tTHREADS], BROKER/outbox-KIND/ACCEPT/… and \
                 clients/N/BROKER/qQOS/SIZE"
            )
        };
        let mut parts: Vec<&str> = name.split('/').collect();
        let mut outbox = None;
        if let [_, kind, accept, ..] = &mut parts[..]
            && let Some(writes) = kind.strip_prefix("outbox-").filter(|writes| writes.ends_with("write"))
        {
            let found = OUTBOXES.iter().find(|(name, _)| name == accept).ok_or_else(wrong)?;
            outbox = Some(found.1);
            *kind = writes;
            parts.remove(2);
        }
        let (broker, kind, qos, size, more) = match &parts[..] {
            ["clients", count, broker, qos, size] => (broker, &"clients", qos, size, std::slice::from_ref(count)),
            [broker, kind, qos, size, more @ ..] => (broker, kind, qos, size, more),
            _ => return Err(wrong().into()),
        };
        let kind = match (*kind, more) {
            ("write", [window]) => Kind::Write { window: after("w", window).ok_or_else(wrong)? },
            ("blocking-write", []) => Kind::BlockingWrite { threads: 1 },
            ("blocking-write", [threads]) => Kind::BlockingWrite { threads: after("t", threads).ok_or_else(wrong)? },
            ("read", []) => Kind::Read,
            ("blocking-read", []) => Kind::BlockingRead,
            ("clients", [count]) => {
                let even = after("", count).filter(|count| *count > 0 && count % 2 == 0);
                Kind::Clients { count: even.ok_or_else(wrong)? }
            }
            _ => return Err(wrong().into()),
        };
        let qos = after("q", qos).filter(|qos| *qos <= 2).ok_or_else(wrong)? as u8;
        let size = after("", size).ok_or_else(wrong)?;
        Ok(Row { name: name.to_owned(), broker: (*broker).to_owned(), kind, outbox, qos, size })
    }
}

fn after(prefix: &str, text: &str) -> Option<usize> {
    text.strip_prefix(prefix)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_from_their_names() {
        let row: Row = "mosq/write/q1/100/w1000".parse().unwrap();
        assert_eq!((row.broker.as_str(), row.kind, row.qos, row.size), ("mosq", Kind::Write { window: 1000 }, 1, 100));
        let row: Row = "tls/blocking-write/q1/100/t8".parse().unwrap();
        assert_eq!(row.kind, Kind::BlockingWrite { threads: 8 });
        let row: Row = "sink/outbox-write/broker-unsynced/q1/100/w1000".parse().unwrap();
        assert_eq!((row.kind, row.qos, row.size), (Kind::Write { window: 1000 }, 1, 100));
        assert_eq!(row.outbox, Some(Outbox { accept: "broker", is_synced: false }));
        let row: Row = "sink/read/q0/1024".parse().unwrap();
        assert_eq!(row.read_topic(), "flood/0/1024");
        let row: Row = "clients/1000/tls/q1/100".parse().unwrap();
        assert_eq!((row.broker.as_str(), row.kind), ("tls", Kind::Clients { count: 1000 }));
    }

    #[test]
    fn what_is_no_row_is_refused() {
        for name in [
            "",
            "sink",
            "sink/write/q1/100",
            "sink/write/q3/100/w1",
            "sink/read/q1/big",
            "sink/read/q1/1/w1",
            "clients/3/mosq/q1/1",
            "sink/outbox-write/q1/100/w1",
            "sink/outbox-write/paper/q1/100/w1",
            "sink/outbox-read/disk/q1/100",
        ] {
            assert!(name.parse::<Row>().is_err(), "{name}");
        }
    }
}
