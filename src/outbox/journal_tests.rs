use fastrand::Rng;

use super::super::disk::Disk;
use super::*;

fn open(disk: &Disk) -> Journal {
    let read = Journal::read(disk).expect("read");
    let done = read.noted.done.unwrap_or_default();
    let (journal, begun) = Journal::begin(Arc::new(disk.clone()), read, done);
    begun.expect("begin");
    journal
}

/// Checks that the journal knows everything that was noted successfully and was to survive a loss of power.
fn check(journal: &Journal, known: &Noted, seed: u64) {
    let noted = journal.noted();
    assert!(noted.done <= known.done, "seed {seed}: {noted:?} invents what is done, {known:?}");
    assert_eq!((noted.reserved, noted.session), (known.reserved, known.session), "seed {seed}");
    let done = known.done.unwrap_or_default();
    let open = |noted: &Noted| noted.released.range(done..).copied().collect::<Vec<u64>>();
    assert_eq!(open(noted), open(known), "seed {seed}");
}

/// Makes random changes that all succeed, with deaths and losses of power between them.
fn history(seed: u64) {
    let mut random = Rng::with_seed(seed);
    let mut disk = Disk::default();
    let mut journal = open(&disk);
    let mut known = journal.noted().clone();
    for step in 0..random.u64(1..60) {
        let done = known.done.unwrap_or_default();
        match random.u8(0..100) {
            0..40 => {
                let numbers = [done + random.u64(0..50), done + random.u64(0..50)];
                journal.release(&numbers, true).expect("release");
                known.released.extend(numbers);
            }
            40..60 => {
                known.set_done(done + random.u64(0..10));
                journal.set_done(known.done.unwrap_or_default()).expect("done");
            }
            60..70 => {
                known.reserved += random.u64(0..100);
                journal.reserve(known.reserved).expect("reserve");
            }
            70..80 => {
                known.session = Some(step);
                known.released.clear();
                journal.begin_session(known.session).expect("begin");
            }
            80..90 => {
                disk = disk.after_death();
                journal = open(&disk);
                assert_eq!(journal.noted().done, known.done, "seed {seed}");
                check(&journal, &known, seed);
            }
            _ => {
                disk = disk.after_power_loss(&mut random);
                journal = open(&disk);
                check(&journal, &known, seed);
                known.done = journal.noted().done;
                known.released.clone_from(&journal.noted().released);
            }
        }
    }
}

#[test]
fn whatever_happens_what_was_noted_is_known() {
    (0..2000).for_each(history);
}

#[test]
fn a_file_that_is_not_complete_does_not_count() {
    let disk = Disk::default();
    let mut journal = open(&disk);
    journal.begin_session(Some(7)).expect("begin");
    journal.release(&[3, 4], true).expect("release");
    let (before, name) = (journal.noted().clone(), NAMES[1 - journal.name]);
    for torn in 0..journal.noted().encode(9).len() {
        let disk = disk.after_death();
        let mut bytes = Noted { session: Some(8), ..Noted::default() }.encode(9);
        bytes.truncate(torn.min(bytes.len() - 1));
        disk.append(name).and_then(|mut file| file.append(&bytes)).expect("append");
        assert_eq!(*open(&disk).noted(), Noted { done: Some(0), ..before.clone() });
    }
}

#[test]
fn it_stays_short_however_much_is_noted() {
    let disk = Disk::default();
    let mut journal = open(&disk);
    for number in 0..10_000 {
        journal.release(&[number], false).expect("release");
        journal.set_done(number).expect("done");
    }
    let bytes: u64 = disk.names().iter().map(|name| disk.length(name).expect("length")).sum();
    assert!(bytes <= LONGEST as u64 + 2 * ENTRY as u64, "{bytes} bytes");
    assert_eq!(open(&disk).noted().done, Some(9_999));
}
