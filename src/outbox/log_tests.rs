use std::collections::BTreeMap;

use fastrand::Rng;

use super::super::disk::Disk;
use super::super::record;
use super::*;
use crate::mqtt::Heading;

const TOPIC: &str = "sensors/7";
/// The segments are small, so that there are many.
const SMALL: u64 = 400;

fn open(disk: &Disk) -> (Log, Warnings) {
    Log::open(Arc::new(disk.clone()), TOPIC, SMALL).expect("open")
}

fn some_bytes(most: usize, random: &mut Rng) -> Vec<u8> {
    let length = random.usize(0..most);
    std::iter::repeat_with(|| random.u8(..)).take(length).collect()
}

fn record(number: u64, random: &mut Rng) -> Record {
    let payload = some_bytes(120, random);
    let heading = random.bool().then(|| {
        let topic = "ä".repeat(random.usize(..4)).into();
        Arc::new(Heading { topic, retain: random.bool(), properties: some_bytes(60, random).into() })
    });
    Record { number, time_us: random.i64(..), heading, payload: payload.into() }
}

/// Returns all messages that are stored and not done, in the order of reading.
fn all(log: &Log, warnings: &mut Warnings) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    let mut number = log.done();
    while number < log.next() {
        let Some(loaded) = log.load(number, warnings).expect("load") else { break };
        assert_eq!(loaded.contents.topic.as_deref(), Some(TOPIC));
        records.extend(loaded.contents.records);
        number = loaded.end;
    }
    assert!(records.iter().map(|record| record.number).is_sorted_by(|one, next| one < next), "order");
    records
}

/// What a user of the log knows.
#[derive(Default)]
struct Model {
    /// Every message that was ever appended.
    appended: BTreeMap<u64, Record>,
    /// Messages with lower numbers survive everything.
    synced: u64,
    done: u64,
}

impl Model {
    /// Checks that all messages below `kept_to` are there. Those above it may be there or not, and stay as they are.
    fn check(&mut self, log: &Log, kept_to: u64, seed: u64) {
        let mut warnings = Warnings::new();
        let found = all(log, &mut warnings);
        for record in &found {
            assert_eq!(Some(record), self.appended.get(&record.number), "seed {seed}: something was invented");
        }
        let numbers: Vec<u64> = found.iter().map(|record| record.number).collect();
        for number in self.appended.range(self.done..).map(|(number, _)| *number).filter(|number| *number < kept_to) {
            assert!(numbers.contains(&number), "seed {seed}: {number} is missing among {numbers:?}");
        }
        assert!(log.next() >= kept_to, "seed {seed}: numbers come again");
        self.synced = self.synced.min(log.next());
        self.done = self.done.min(log.next());
        self.appended.retain(|number, _| *number < self.done || numbers.contains(number));
    }
}

/// Runs appends, syncs, confirmations, full disks, names that can't be removed, deaths and losses of power in a random order.
fn history(seed: u64) {
    let mut random = Rng::with_seed(seed);
    let mut disk = Disk::default();
    let (mut log, _) = open(&disk);
    let mut model = Model::default();
    for _ in 0..random.usize(1..40) {
        match random.u8(0..100) {
            0..50 => {
                // Messages that the disk has refused leave gaps.
                let first = log.next() + random.u64(0..3);
                let records: Vec<Record> =
                    (first..first + random.u64(1..6)).map(|number| record(number, &mut random)).collect();
                let result = log.append(&records);
                let there = records.iter().take_while(|record| record.number < log.next());
                model.appended.extend(there.map(|record| (record.number, record.clone())));
                assert!(result.is_err() || log.next() == first + records.len() as u64, "seed {seed}");
            }
            50..70 => {
                if log.sync().is_ok() {
                    model.synced = log.next();
                }
            }
            70..85 => {
                model.done = random.u64(model.done..=log.next());
                log.confirm(model.done);
                if random.u8(0..4) > 0 {
                    // A full disk refuses the note, so more messages may come again.
                    let _ = log.set_done(model.done);
                }
            }
            85..88 => disk.set_room(Some(random.usize(0..600))),
            88..91 => disk.set_room(None),
            91 => disk.set_fixed(random.bool()),
            92..96 => {
                disk = disk.after_death();
                let next = log.next();
                log = open(&disk).0;
                model.check(&log, next, seed);
            }
            _ => {
                disk = disk.after_power_loss(&mut random);
                log = open(&disk).0;
                model.check(&log, model.synced, seed);
            }
        }
    }
    disk.set_room(None);
    disk.set_fixed(false);
    model.check(&open(&disk.after_death()).0, log.next(), seed);
}

#[test]
fn whatever_happens_what_was_synced_is_there_and_nothing_is_invented() {
    (0..4000).for_each(history);
}

fn filled(count: u64) -> (Disk, Vec<Record>) {
    let disk = Disk::default();
    let mut random = Rng::with_seed(1);
    let records: Vec<Record> = (0..count).map(|number| record(number, &mut random)).collect();
    let (mut log, _) = open(&disk);
    log.append(&records).expect("append");
    log.sync().expect("sync");
    (disk, records)
}

fn segments(disk: &Disk) -> Vec<String> {
    disk.names().into_iter().filter(|name| segment::first(name).is_some()).collect()
}

#[test]
fn damage_is_set_aside_and_all_else_is_read() {
    let (disk, records) = filled(60);
    let random = &mut Rng::with_seed(2);
    let names = segments(&disk);
    assert!(names.len() > 5, "{names:?}");
    for _ in 0..500 {
        let disk = disk.after_death();
        let name = names[random.usize(..names.len())].clone();
        disk.damage(&name, |bytes| {
            let at = random.usize(..bytes.len());
            bytes[at] ^= 1 << random.u8(0..8);
        });
        let mut warnings = Warnings::new();
        let (log, found) = open(&disk);
        warnings.extend(found);
        let mut number = 0;
        let mut found = Vec::new();
        while let Some(loaded) = log.load(number, &mut warnings).expect("load") {
            found.extend(loaded.contents.records);
            number = loaded.end;
            if number == u64::MAX {
                break;
            }
        }
        assert!(found.len() >= records.len() - 1, "{} of {}: {warnings:?}", found.len(), records.len());
        assert!(found.iter().all(|record| records.contains(record)), "something was invented");
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(disk.names().iter().any(|name| name.starts_with("damaged-")), "{:?}", disk.names());
    }
}

#[test]
fn a_segment_of_a_later_release_is_told_and_left_alone() {
    let (disk, _) = filled(5);
    let names = segments(&disk);
    disk.damage(names.last().expect("a segment"), |bytes| {
        let head = segment::head_of(9, TOPIC);
        bytes[..head.len()].copy_from_slice(&head);
    });
    let before = disk.names();
    let error = Log::open(Arc::new(disk.clone()), TOPIC, SMALL).err().expect("an error").to_string();
    assert!(error.contains("later release") && error.contains("version 9"), "{error}");
    assert_eq!(disk.names(), before);
}

/// The bytes are those of the release before headings, with one message.
#[test]
fn a_segment_of_an_earlier_release_is_read_and_gone_on_with() {
    let hex = "53494e45544f420143087622090073656e736f72732f370500000003\
               0000000000000000401e18240a060086a610364dabd68368656c6c6f";
    let digits = hex.as_bytes().chunks(2).map(|two| std::str::from_utf8(two).expect("digits"));
    let earlier: Vec<u8> = digits.map(|two| u8::from_str_radix(two, 16).expect("a byte")).collect();
    let disk = Disk::default();
    let mut file = disk.append(&segment::name(3)).expect("a file");
    file.append(&earlier).and_then(|()| file.sync()).expect("append");
    let (mut log, warnings) = open(&disk);
    assert_eq!(warnings, Warnings::new());
    let payload = Bytes::from_static(b"hello");
    let old = Record { number: 3, time_us: 1_700_000_000_000_000, heading: None, payload };
    let heading = Heading { topic: "t".into(), retain: true, properties: Bytes::new() };
    let new = Record { number: 4, heading: Some(Arc::new(heading)), ..old.clone() };
    log.append(std::slice::from_ref(&new)).and_then(|()| log.sync()).expect("append");
    assert_eq!(all(&open(&disk).0, &mut Warnings::new()), [old, new]);
}

/// An earlier release would take a message with a heading for damage, so it must learn from the version that it can't read the
/// file.
#[test]
fn what_may_have_headings_is_of_a_version_that_earlier_releases_refuse() {
    assert_eq!(segment::head(TOPIC)[7], 2);
}

#[test]
fn a_damaged_version_is_no_later_release() {
    let (disk, records) = filled(2);
    disk.damage(segments(&disk).last().expect("a segment"), |bytes| bytes[7] = 9);
    let (log, _) = open(&disk);
    let mut warnings = Warnings::new();
    let loaded = log.load(0, &mut warnings).expect("load").expect("a segment");
    assert_eq!((loaded.contents.topic, loaded.contents.records), (None, records));
    assert!(warnings[0].contains("are damaged"), "{warnings:?}");
}

#[test]
fn zeros_where_messages_stood_are_told() {
    let (disk, _) = filled(5);
    let name = segments(&disk).pop().expect("a segment");
    let mut length = 0;
    disk.damage(&name, |bytes| {
        length = bytes.len();
        bytes.fill(0);
    });
    let (_, warnings) = open(&disk);
    assert!(warnings[0].contains(&format!("the last {length} bytes of {name} are zeros")), "{warnings:?}");
    assert_eq!(open(&disk).1, Warnings::new(), "once");
}

/// Small numbers look like lengths and message numbers at each byte.
#[test]
fn what_looks_like_messages_behind_damage_is_not_read_again_and_again() {
    let mut head = Vec::new();
    Record { number: 5, time_us: 0, heading: None, payload: vec![0; 50_000].into() }.encode(&mut head);
    head.truncate(record::HEAD);
    head[record::HEAD - 1] ^= 1;
    let numbers: Vec<u8> = (0..20_000u64).flat_map(|number| (50_000 + number % 100).to_le_bytes()).collect();
    for payload in [numbers, head.repeat(5000)] {
        let mut bytes = segment::head(TOPIC);
        Record { number: 0, time_us: 0, heading: None, payload: payload.into() }.encode(&mut bytes);
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        let before = record::HASHED.get();
        assert_eq!(segment::parse(&bytes.into(), 0).records, []);
        let hashed = record::HASHED.get() - before;
        assert!(hashed < 50 * last, "{hashed} bytes were read for {last}");
    }
}

#[test]
fn segments_that_are_gone_do_not_keep_the_others() {
    let (disk, records) = filled(60);
    let (mut log, _) = open(&disk);
    let names = segments(&disk);
    disk.remove(&names[0]).and_then(|()| disk.remove(&names[2])).expect("remove");
    log.set_done(records.len() as u64).expect("done");
    assert_eq!(segments(&disk), Vec::<String>::new());
}

#[test]
fn what_is_done_is_known_when_another_folder_has_taken_the_place() {
    let (disk, records) = filled(60);
    let (mut log, _) = open(&disk);
    log.append(&[Record { number: 60, ..records[0].clone() }]).expect("append");
    disk.replace_folder();
    let rest: Vec<Record> = (61..70).map(|number| Record { number, ..records[0].clone() }).collect();
    let error = log.append(&rest).expect_err("the file is gone");
    assert!(error.to_string().contains("is gone"), "{error}");
    log.append(&rest).and_then(|()| log.sync()).expect("append");
    log.set_done(63).expect("done");
    let (again, _) = open(&disk.after_death());
    assert_eq!((again.done(), again.next()), (63, 70));
    log.set_done(70).expect("done");
    assert_eq!(open(&disk.after_death()).0.next(), 70, "numbers go on");
}

#[test]
fn segments_whose_messages_are_done_are_removed() {
    let (disk, records) = filled(60);
    let (mut log, warnings) = open(&disk);
    assert_eq!(warnings, Warnings::new());
    for done in 0..=records.len() as u64 {
        log.set_done(done).expect("done");
        assert_eq!(all(&log, &mut Warnings::new()), records[done as usize..]);
    }
    assert_eq!(segments(&disk), Vec::<String>::new());
    assert_eq!(log.bytes(), 0);
    assert_eq!(open(&disk).0.next(), records.len() as u64, "numbers go on");
}

#[test]
fn what_gave_way_in_the_middle_is_removed_and_all_else_stays() {
    let (disk, records) = filled(60);
    let firsts: Vec<u64> = segments(&disk).iter().filter_map(|name| segment::first(name)).collect();
    assert!(firsts.len() > 5, "{firsts:?}");
    for (from, to) in
        [(0, 0), (firsts[1], firsts[2]), (firsts[1] - 1, firsts[3] + 1), (firsts[1] + 1, firsts[4] - 1), (0, 60)]
    {
        let disk = disk.after_death();
        let (mut log, _) = open(&disk);
        log.forget_between(from, to).expect("forget");
        let ends = firsts.iter().copied().skip(1);
        let gone: Vec<(u64, u64)> =
            firsts.iter().copied().zip(ends).filter(|(first, end)| *first >= from && *end <= to).collect();
        let is_gone = |number: u64| gone.iter().any(|(first, end)| (*first..*end).contains(&number));
        let left: Vec<Record> = records.iter().filter(|record| !is_gone(record.number)).cloned().collect();
        assert_eq!(segments(&disk).len(), firsts.len() - gone.len(), "{from}..{to}");
        for log in [log, open(&disk.after_death()).0] {
            let mut warnings = Warnings::new();
            assert_eq!((all(&log, &mut warnings), log.next()), (left.clone(), 60), "{from}..{to}");
            assert_eq!(warnings, Warnings::new());
        }
    }
}

#[test]
fn one_sync_is_enough_for_all_that_have_gathered() {
    let disk = Disk::default();
    let (mut log, _) = Log::open(Arc::new(disk.clone()), TOPIC, SEGMENT).expect("open");
    let mut random = Rng::with_seed(3);
    let records: Vec<Record> = (0..1000).map(|number| record(number, &mut random)).collect();
    // This begins the segment, whose head is synced by itself.
    log.append(&records[..1]).and_then(|()| log.sync()).expect("append");
    let before = disk.syncs();
    log.append(&records[1..]).expect("append");
    log.sync().expect("sync");
    log.sync().expect("sync");
    assert_eq!(disk.syncs() - before, 1);
}

#[test]
fn random_files_are_no_messages() {
    let random = &mut Rng::with_seed(4);
    for _ in 0..300 {
        let disk = Disk::default();
        let name = segment::name(random.u64(0..5));
        let bytes = some_bytes(2000, random);
        disk.append(&name).and_then(|mut file| file.append(&bytes)).expect("append");
        let (log, _) = open(&disk);
        assert_eq!(all(&log, &mut Warnings::new()), []);
    }
}

#[test]
fn what_is_done_is_known_again_after_a_full_disk() {
    let (disk, _) = filled(60);
    let (mut log, _) = open(&disk);
    for number in 1..10 {
        disk.set_room(Some(number as usize));
        assert!(log.set_done(number).is_err());
        disk.set_room(None);
        log.set_done(number).expect("done");
        assert_eq!(open(&disk.after_death()).0.done(), number);
    }
}

#[test]
fn what_is_done_makes_room_on_a_full_disk() {
    let (disk, records) = filled(60);
    let (mut log, _) = open(&disk);
    let before = segments(&disk).len();
    disk.set_room(Some(0));
    assert!(log.set_done(records.len() as u64).is_err());
    assert_eq!((segments(&disk).len(), before > 5), (1, true), "the last one tells which numbers there were");
    assert_eq!(open(&disk.after_death()).0.next(), records.len() as u64);
}

/// A disk that is smaller than a segment has room again when all messages are done.
#[test]
fn the_segment_that_has_filled_the_disk_goes_when_all_is_done() {
    let disk = Disk::default();
    let (mut log, _) = Log::open(Arc::new(disk.clone()), TOPIC, SEGMENT).expect("open");
    let mut random = Rng::with_seed(6);
    let records: Vec<Record> = (0..10).map(|number| record(number, &mut random)).collect();
    log.append(&records[..5]).expect("append");
    disk.set_room(Some(3));
    assert!(log.append(&records[5..]).is_err());
    assert_eq!((log.next(), all(&log, &mut Warnings::new())), (5, records[..5].to_vec()));
    disk.set_room(Some(crate::outbox::journal::ENTRY));
    log.set_done(5).expect("done");
    assert_eq!((segments(&disk), log.bytes()), (Vec::new(), 0));
    disk.set_room(None);
    log.append(&records[5..]).expect("append");
    assert_eq!(all(&open(&disk.after_death()).0, &mut Warnings::new()), records[5..]);
}

#[test]
fn what_is_on_a_full_disk_can_be_sent() {
    let (disk, records) = filled(60);
    let name = segments(&disk).pop().expect("a segment");
    // The full disk has no room to set this damage aside.
    disk.damage(&name, |bytes| bytes.extend_from_slice(b"damage"));
    disk.set_room(Some(0));
    let (mut log, warnings) = open(&disk);
    assert!(warnings.iter().any(|text| text.contains("can't be set aside")), "{warnings:?}");
    assert!(warnings.iter().any(|text| text.contains("can't be noted")), "{warnings:?}");
    assert_eq!(all(&log, &mut Warnings::new()), records);
    // The disk gets room as messages are sent.
    let _ = log.set_done(40);
    log.set_done(40).expect("done");
    let (mut log, _) = open(&disk.after_death());
    assert_eq!(all(&log, &mut Warnings::new()), records[40..]);
    log.append(&[Record { number: 60, ..records[0].clone() }]).expect("append");
}

/// The disk has no room for another journal, but a few bytes in the present one: they are enough to send at QoS 2.
#[test]
fn a_journal_that_is_there_goes_on_when_there_is_no_room_for_another_one() {
    let (disk, records) = filled(5);
    disk.set_room(Some(40));
    let (mut log, warnings) = open(&disk);
    assert_eq!(warnings, Warnings::new());
    disk.set_room(Some(40));
    log.reserve(100).expect("reserve");
    let (log, _) = open(&disk.after_death());
    assert_eq!((log.noted().reserved, all(&log, &mut Warnings::new())), (100, records));
}

#[test]
fn a_segment_that_is_written_to_makes_room_when_all_in_it_is_done() {
    let disk = Disk::default();
    let (mut log, _) = Log::open(Arc::new(disk.clone()), TOPIC, SEGMENT).expect("open");
    let record = |number| Record { number, time_us: 0, heading: None, payload: Bytes::from_static(&[7; 100]) };
    log.append(&(0..10).map(record).collect::<Vec<_>>()).expect("append");
    disk.set_room(Some(20));
    log.append(&[record(10)]).expect_err("the disk is full");
    log.set_done(9).expect("done");
    log.append(&[record(10)]).expect_err("one of them is needed");
    // This can't be noted any more.
    let _ = log.set_done(10);
    log.append(&[record(10)]).and_then(|()| log.sync()).expect("append");
    let (log, warnings) =
        Log::open(Arc::new(disk.after_power_loss(&mut Rng::with_seed(6))), TOPIC, SEGMENT).expect("open");
    assert_eq!((all(&log, &mut Warnings::new()), warnings), (vec![record(10)], Warnings::new()));
}

#[test]
fn a_segment_is_read_as_far_as_it_is_known() {
    let (disk, records) = filled(0);
    assert_eq!(records, []);
    let (mut log, _) = Log::open(Arc::new(disk.clone()), TOPIC, SEGMENT).expect("open");
    let mut random = Rng::with_seed(5);
    let records: Vec<Record> = (0..20).map(|number| record(number, &mut random)).collect();
    log.append(&records[..10]).expect("append");
    let places = log.places();
    log.append(&records[10..]).expect("append");
    let mut warnings = Warnings::new();
    let loaded = load(&disk, &places, 3, &mut warnings).expect("load").expect("a segment");
    assert_eq!((loaded.contents.records, warnings), (records[3..10].to_vec(), Warnings::new()));
}
