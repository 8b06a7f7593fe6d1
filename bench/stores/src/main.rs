//! The work of an outbox on disk with its own log and with stores that others have written, each built in by a feature:
//!
//! - messages are appended in groups, and a group is accepted when it is stored, as all are that have gathered in the outbox
//!   while it was at work;
//! - they are read in their order, when a network that was away is back;
//! - they are deleted from the front, when they are confirmed;
//! - a process is killed, and the next one reads what it has left.
//!
//!     cargo run --release --manifest-path bench/stores/Cargo.toml [FOLDER]
//!
//! The folder has to be on a disk; it is the current one by default. Each figure is of a process of its own.

mod stores;

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Each measurement of a rate takes that long.
const TIME: Duration = Duration::from_secs(3);
/// Groups that are stored and not yet read and deleted.
const BEHIND: u64 = 20;
/// What a killed process leaves: so many messages in groups of so many.
const LEFT: u64 = 1_000_000;
const GROUP: usize = 1000;

/// What is measured: a title, the bytes of a message, the messages of a group, and whether each group is synced.
const RATES: [(&str, usize, usize, bool); 5] = [
    ("100 B, synced each", 100, 1, true),
    ("100 B, 1000 a sync", 100, 1000, true),
    ("1 KiB, 1000 a sync", 1024, 1000, true),
    ("100 B, no sync", 100, 1000, false),
    ("1 KiB, no sync", 1024, 1000, false),
];

fn main() -> Outcome {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["rate", store, number, folder] => rate(store, number.parse()?, folder.as_ref()),
        ["fill", store, folder] => fill(store, folder.as_ref()),
        ["recover", store, folder] => recover(store, folder.as_ref()),
        [] => table(".".as_ref()),
        [folder] => table(folder.as_ref()),
        _ => Err("usage: bench-stores [FOLDER]".into()),
    }
}

/// The whole table, in Markdown.
fn table(folder: &Path) -> Outcome {
    let titles: String = RATES.iter().map(|(title, ..)| format!(" {title} |")).collect();
    println!("| store |{titles} recovery of a million, s | their files, MiB |");
    println!("|---|{}--:|--:|", "--:|".repeat(RATES.len()));
    for store in stores::NAMES {
        print!("| {store} |");
        for number in 0..RATES.len() {
            let place = tempfile::tempdir_in(folder)?;
            print!(" {} |", told(&["rate", store, &number.to_string()], place.path())?);
            std::io::stdout().flush()?;
        }
        let place = tempfile::tempdir_in(folder)?;
        kill_when_filled(store, place.path())?;
        let left = bytes_in(place.path())? / (1 << 20);
        println!(" {} | {left} |", told(&["recover", store], place.path())?);
    }
    Ok(())
}

/// What a process says that does a part of this.
fn told(words: &[&str], folder: &Path) -> Outcome<String> {
    let output = Command::new(std::env::current_exe()?).args(words).arg(folder).stderr(Stdio::inherit()).output()?;
    let said = String::from_utf8(output.stdout)?;
    if output.status.success() { Ok(said.trim().to_owned()) } else { Err(format!("{words:?} failed").into()) }
}

fn kill_when_filled(store: &str, folder: &Path) -> Outcome {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["fill", store])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = child.stdout.take().ok_or("no output")?;
    let filled = BufReader::new(output).lines().next().transpose()?;
    child.kill()?;
    child.wait()?;
    if filled.as_deref() == Some("filled") { Ok(()) } else { Err(format!("{store} was not filled").into()) }
}

fn bytes_in(folder: &Path) -> std::io::Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        sum += if metadata.is_dir() { bytes_in(&entry.path())? } else { metadata.len() };
    }
    Ok(sum)
}

/// Values that no compression makes smaller, as encrypted ones are.
fn values(count: usize, size: usize) -> Vec<Bytes> {
    let mut state = 1u64;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..count).map(|_| (0..size).map(|_| byte()).collect()).collect()
}

/// Messages that go through the store in a second: each is appended, and some groups later read and deleted.
fn rate(store: &str, number: usize, folder: &Path) -> Outcome {
    let (_, size, group, is_synced) = *RATES.get(number).ok_or("no such rate")?;
    let Some(mut store) = stores::open(store, folder, is_synced)? else {
        println!("–");
        return Ok(());
    };
    let values = values(group, size);
    let group = group as u64;
    let (mut next, mut oldest, mut groups) = (1, 1, 0);
    let began = Instant::now();
    while began.elapsed() < TIME {
        store.append(next, &values)?;
        next += group;
        groups += 1;
        if groups % BEHIND == 0 && groups > BEHIND {
            // In steps, as the outbox does it.
            let end = next - BEHIND * group;
            let mut read = 0;
            store.read(oldest, end, &mut |value| read += u64::from(value.len() == size))?;
            assert!(read >= end - oldest, "{read} were read instead of {}", end - oldest);
            store.remove_below(end)?;
            oldest = end;
        }
    }
    println!("{:.0}", (next - 1) as f64 / began.elapsed().as_secs_f64());
    Ok(())
}

fn fill(store: &str, folder: &Path) -> Outcome {
    let mut store = match stores::open(store, folder, false)? {
        Some(store) => store,
        None => stores::open(store, folder, true)?.ok_or("no such store")?,
    };
    let values = values(GROUP, 100);
    for first in (1..=LEFT).step_by(GROUP) {
        store.append(first, &values)?;
    }
    store.persist()?;
    println!("filled");
    // Until it is killed.
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}

/// Seconds until all that was left is read.
fn recover(store: &str, folder: &Path) -> Outcome {
    let began = Instant::now();
    let mut store = stores::open(store, folder, true)?.ok_or("no such store")?;
    let mut read = 0;
    store.read(1, LEFT + 1, &mut |value| read += u64::from(value.len() == 100))?;
    let took = began.elapsed();
    assert_eq!(read, LEFT, "not all were found");
    println!("{:.2}", took.as_secs_f64());
    Ok(())
}
