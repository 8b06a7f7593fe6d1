use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use bytes::Bytes;
use tempfile::TempDir;

use super::super::disk::Disk;
use super::super::files::Files;
use super::super::hearers::Hearer;
use super::super::identifiers::identifier;
use super::super::journal::Noted;
use super::super::log::{Log, SEGMENT, Warnings};
use super::super::segment;
use super::super::shared::{Found, New};
use super::*;
use crate::config::{AcceptedBy, OutboxSettings, Overflow};
use crate::error::Result;
use crate::metrics::Counters;
use crate::mqtt::{KeptSession, ValueSize};
use crate::wait::{after, block_until};

/// The client as the keeper sees it.
#[derive(Default)]
struct Released {
    received: Mutex<Vec<u16>>,
    released: Mutex<Vec<u16>>,
}

impl Releases for Released {
    fn take_received(&self) -> Vec<u16> {
        std::mem::take(&mut *lock(&self.received))
    }

    fn release(&self, packet_ids: &[u16]) {
        lock(&self.released).extend(packet_ids);
    }
}

/// A keeper over a simulated disk, with its shared state. The lock is in a real folder.
struct Kept {
    client: Arc<Released>,
    shared: Arc<Shared>,
    disk: Disk,
    folder: TempDir,
    keeper: Option<JoinHandle<()>>,
}

impl Kept {
    fn new() -> Kept {
        Kept::at(false)
    }

    fn at(is_exact: bool) -> Kept {
        let (disk, folder) = (Disk::default(), tempfile::tempdir().unwrap());
        let settings = OutboxSettings {
            directory: folder.path().to_owned(),
            accepted_by: AcceptedBy::Disk,
            sync: SyncRule::Always,
            max_bytes: 1 << 20,
            overflow: Overflow::Wait,
            max_age: None,
        };
        let found = Found::of(&Log::open(Arc::new(Disk::default()), "t", SEGMENT).unwrap().0, Vec::new());
        let times = (Duration::from_secs(60), Duration::from_secs(60));
        let shared =
            Shared::new(&settings, times, Arc::new(disk.clone()), found, is_exact, (Arc::new(Counters::new()), None));
        Kept { client: Arc::default(), shared: Arc::new(shared), disk, folder, keeper: None }
    }

    fn begin(mut self) -> Kept {
        let (shared, holder) = (self.shared.clone(), Holder::take(self.folder.path()).unwrap());
        let (log, _) = Log::open(Arc::new(self.disk.clone()), "t", SEGMENT).unwrap();
        let client = self.client.clone();
        self.keeper = Some(std::thread::spawn(move || run(&shared, log, holder, &*client)));
        self
    }

    fn accept(&self) -> u64 {
        let message = New { heading: None, payload: Bytes::from_static(b"hello"), size: ValueSize::same(5) };
        let hearing = (after(Duration::from_secs(600)), Hearer::Caller(None));
        self.shared.accept(&mut Some(message), 0, hearing, &mut None, None).unwrap().unwrap()
    }

    fn end_of(&self, number: u64) -> Result<()> {
        let end = poll_fn(|context| self.shared.with(|state| state.hearers.poll(number, context)));
        block_until(end, Some(after(Duration::from_secs(60)))).expect("it does not end")
    }

    fn write(&self) -> Result<()> {
        self.end_of(self.accept())
    }

    fn until(&self, mut condition: impl FnMut(&State) -> bool) {
        let limit = std::time::Instant::now() + Duration::from_secs(60);
        while !self.shared.with(|state| condition(state)) {
            assert!(std::time::Instant::now() < limit, "it does not happen");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn begin_session(&self, broker: &str) -> Result<()> {
        block_until(self.shared.begin("sensor", broker), Some(after(Duration::from_secs(60)))).expect("it does not end")
    }

    /// Returns the content of the journal after the death of the process.
    fn noted(&self) -> Noted {
        Log::open(Arc::new(self.disk.after_death()), "t", SEGMENT).unwrap().0.noted().clone()
    }

    /// Waits until the keeper has done it.
    fn eventually(&self, what: &str, is_so: impl Fn(&Kept) -> bool) {
        let end = Instant::now() + Duration::from_secs(60);
        while !is_so(self) {
            assert!(Instant::now() < end, "{what} does not come true");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn segments(&self) -> Vec<u64> {
        self.disk.names().into_iter().filter_map(|name| segment::first(&name)).collect()
    }

    /// Returns the error that a refused write is told.
    fn refusal(&self) -> String {
        let error = self.write().unwrap_err().to_string();
        assert!(error.contains(&self.folder.path().display().to_string()), "{error}");
        error
    }

    /// Returns the numbers of the messages that wait for the feeder.
    fn ready(&self) -> Vec<u64> {
        self.shared.with(|state| state.ready.iter().map(|message| message.record.number).collect())
    }

    /// Returns the numbers of the messages that are there after the death of the process.
    fn left(&self) -> Vec<u64> {
        let (log, _) = Log::open(Arc::new(self.disk.after_death()), "t", SEGMENT).unwrap();
        let (mut numbers, mut number) = (Vec::new(), 0);
        while let Some(loaded) = log.load(number, &mut Warnings::new()).unwrap() {
            numbers.extend(loaded.contents.records.iter().map(|record| record.number));
            number = loaded.end;
            if number == u64::MAX {
                break;
            }
        }
        numbers
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.shared.end();
        if let Some(keeper) = self.keeper.take() {
            let ended = keeper.join();
            assert!(ended.is_ok() || std::thread::panicking());
        }
    }
}

#[test]
fn a_full_disk_fails_writes_at_once_and_they_go_on_when_there_is_room() {
    let kept = Kept::new().begin();
    assert_eq!(kept.write(), Ok(()));
    kept.disk.set_room(Some(10));
    for _ in 0..3 {
        let error = kept.refusal();
        assert!(error.contains("no storage space") && error.contains("was not sent"), "{error}");
    }
    kept.disk.set_room(None);
    assert_eq!(kept.write(), Ok(()));
    assert_eq!((kept.ready(), kept.left()), (vec![0, 4], vec![0, 4]));
    let warnings = kept.shared.with(|state| state.warnings.clone());
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(kept.shared.counters.snapshot().error_count_total, 3);
    let used = kept.shared.with(|state| (state.pending_bytes, state.bytes, state.stored));
    assert_eq!(used, (0, 2 * 33, 5), "what was refused takes no room");
}

/// The keeper tries again although nothing else happens.
#[test]
fn what_is_done_is_noted_when_the_disk_has_room_again() {
    let kept = Kept::new().begin();
    (0..3).for_each(|_| assert_eq!(kept.write(), Ok(())));
    kept.disk.set_room(Some(0));
    kept.shared.done(2, 0, None);
    kept.until(|state| !state.warnings.is_empty());
    kept.disk.set_room(None);
    kept.until(|state| !state.is_done_unsaved);
    assert_eq!(Log::open(Arc::new(kept.disk.after_death()), "t", SEGMENT).unwrap().0.done(), 2);
}

#[test]
fn pubrel_waits_until_the_journal_knows_of_it() {
    let kept = Kept::at(true).begin();
    (0..8).for_each(|_| assert_eq!(kept.write(), Ok(())));
    kept.until(|state| state.handshakes.reserved > 0);
    kept.begin_session("broker").unwrap();
    kept.disk.set_room(Some(0));
    lock(&kept.client.received).extend([identifier(7), identifier(5)]);
    kept.shared.received();
    kept.until(|state| !state.warnings.is_empty());
    assert_eq!(*lock(&kept.client.released), [0; 0], "the disk has not taken it");
    kept.disk.set_room(None);
    kept.until(|_| !lock(&kept.client.released).is_empty());
    let noted = kept.noted();
    assert_eq!(noted.released, [5, 7].into());
    assert_eq!(*lock(&kept.client.released), [identifier(7), identifier(5)], "in the order of PUBREC");
    assert!(noted.reserved > 7);
    // The new session knows none of these messages.
    assert!(kept.shared.is_of("sensor", "broker") && !kept.shared.is_of("sensor", "another"));
    kept.begin_session("another").unwrap();
    assert_eq!(kept.noted().released, [].into());
    assert!(kept.shared.is_of("sensor", "another"));
}

#[test]
fn a_session_that_can_not_be_noted_is_not_known() {
    let kept = Kept::at(true).begin();
    kept.until(|state| state.handshakes.reserved > 0);
    kept.begin_session("broker").unwrap();
    kept.disk.set_room(Some(0));
    let error = kept.begin_session("broker").unwrap_err().to_string();
    assert!(error.contains("the broker has a new session"), "{error}");
    assert!(!kept.shared.is_of("sensor", "broker"));
    kept.disk.set_room(None);
    kept.begin_session("broker").unwrap();
    assert!(kept.shared.is_of("sensor", "broker"));
}

#[test]
fn one_sync_is_for_all_who_wait() {
    let kept = Kept::new();
    let numbers: Vec<u64> = (0..100).map(|_| kept.accept()).collect();
    let kept = kept.begin();
    let before = Kept::new().begin();
    assert_eq!(before.write(), Ok(()));
    numbers.into_iter().for_each(|number| assert_eq!(kept.end_of(number), Ok(())));
    assert_eq!(kept.disk.syncs(), before.disk.syncs(), "a hundred need as many as one");
}

/// Operating systems mark pages that they could not write as clean, so the next sync proves nothing about them.
#[test]
fn a_failed_sync_is_told_and_what_comes_next_is_elsewhere() {
    let kept = Kept::new().begin();
    assert_eq!(kept.write(), Ok(()));
    kept.disk.set_broken(true);
    let error = kept.refusal();
    assert!(error.contains("may be delivered all the same"), "{error}");
    kept.disk.set_broken(false);
    assert_eq!(kept.write(), Ok(()));
    assert_eq!(kept.left(), [0, 1, 2]);
    assert_eq!(kept.segments(), [0, 2]);
}

/// What is done was noted at the first attempt, so only the removal is left.
#[test]
fn what_can_not_be_removed_is_tried_again_after_a_while() {
    let kept = Kept::new().begin();
    assert_eq!(kept.write(), Ok(()));
    kept.disk.set_broken(true);
    kept.refusal();
    kept.disk.set_broken(false);
    assert_eq!(kept.write(), Ok(()));
    kept.disk.set_fixed(true);
    kept.shared.done(2, 0, None);
    let is_told =
        |kept: &Kept| kept.shared.with(|state| state.warnings.iter().any(|text| text.contains("can't be noted")));
    kept.eventually("the warning", is_told);
    assert_eq!(kept.segments(), [0, 2]);
    kept.disk.set_fixed(false);
    kept.eventually("the removal", |kept| kept.segments() == [2]);
}

/// The segment that is being written holds everything that is done, and nothing else makes room.
#[test]
fn a_full_disk_takes_messages_again_when_all_is_delivered() {
    let kept = Kept::new().begin();
    for _ in 0..10 {
        assert_eq!(kept.write(), Ok(()));
    }
    kept.disk.set_room(Some(20));
    kept.refusal();
    kept.shared.done(11, 0, None);
    assert_eq!(kept.write(), Ok(()));
    assert_eq!(kept.left().len(), 1);
}

#[test]
fn a_file_that_is_gone_is_noticed() {
    let kept = Kept::new().begin();
    assert_eq!(kept.write(), Ok(()));
    kept.disk.remove(&segment::name(0)).unwrap();
    let error = kept.refusal();
    assert!(error.contains("is gone") && error.contains("was not sent"), "{error}");
    assert_eq!(kept.write(), Ok(()));
    assert_eq!(kept.left(), [2]);
}
