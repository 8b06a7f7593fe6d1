//! A simulated disk that loses power: synced bytes stay, and of the others a random part.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use fastrand::Rng;

use super::files::{Append, Files};
use crate::lock::lock;

#[derive(Default, Clone)]
struct Contents {
    bytes: Vec<u8>,
    /// The bytes that survive for certain.
    synced: Vec<u8>,
}

#[derive(Default)]
struct State {
    /// Every file that has a name, or had one that may come back.
    files: Vec<Contents>,
    names: BTreeMap<String, usize>,
    synced_names: BTreeMap<String, usize>,
    /// The number of bytes that fit before the disk is full.
    room: Option<usize>,
    syncs: usize,
    /// The open files, each as many times as it is open.
    open: Vec<usize>,
    /// Every sync fails.
    is_broken: bool,
    /// Every removal of a name fails.
    is_fixed: bool,
}

/// A simulated disk. Clones are the same disk.
#[derive(Default, Clone)]
pub(super) struct Disk(Arc<Mutex<State>>, Arc<Mutex<Option<Alarm>>>);

/// An action before one of the next changes.
struct Alarm {
    changes: usize,
    what: Box<dyn FnOnce() + Send>,
}

impl Disk {
    fn of(state: State) -> Disk {
        Disk(Arc::new(Mutex::new(state)), Arc::default())
    }

    /// Runs an action after this many changes, before the next one.
    pub fn after_changes(&self, changes: usize, what: impl FnOnce() + Send + 'static) {
        *lock(&self.1) = Some(Alarm { changes, what: Box::new(what) });
    }

    fn changes(&self) {
        let mut alarm = lock(&self.1);
        let due = match alarm.as_mut() {
            Some(Alarm { changes: 0, .. }) => alarm.take(),
            Some(alarm) => {
                alarm.changes -= 1;
                None
            }
            None => None,
        };
        drop(alarm);
        due.into_iter().for_each(|due| (due.what)());
    }

    /// Returns the disk in a state that a loss of power may leave.
    pub fn after_power_loss(&self, random: &mut Rng) -> Disk {
        let state = lock(&self.0);
        let mut names = state.synced_names.clone();
        for name in state.names.keys().chain(state.synced_names.keys()) {
            // A change of the folder that was not synced is randomly kept or lost.
            if random.bool() {
                match state.names.get(name) {
                    Some(file) => names.insert(name.clone(), *file),
                    None => names.remove(name),
                };
            }
        }
        let files = state.files.iter().map(|file| torn(file, random)).collect();
        Disk::of(State { files, synced_names: names.clone(), names, ..State::default() })
    }

    /// Returns the disk after the death of the process: everything that was written is there.
    pub fn after_death(&self) -> Disk {
        let state = lock(&self.0);
        let (files, names, synced_names) = (state.files.clone(), state.names.clone(), state.synced_names.clone());
        Disk::of(State { files, names, synced_names, ..State::default() })
    }

    pub fn set_room(&self, room: Option<usize>) {
        lock(&self.0).room = room;
    }

    pub fn set_broken(&self, is_broken: bool) {
        lock(&self.0).is_broken = is_broken;
    }

    pub fn set_fixed(&self, is_fixed: bool) {
        lock(&self.0).is_fixed = is_fixed;
    }

    /// Removes the folder with all its files, and puts an empty one in its place.
    pub fn replace_folder(&self) {
        let mut state = lock(&self.0);
        state.names.clear();
        state.synced_names.clear();
    }

    pub fn syncs(&self) -> usize {
        lock(&self.0).syncs
    }

    pub fn names(&self) -> Vec<String> {
        lock(&self.0).names.keys().cloned().collect()
    }

    /// Changes the bytes of a file, as a failing disk does.
    pub fn damage(&self, name: &str, damage: impl FnOnce(&mut Vec<u8>)) {
        let mut state = lock(&self.0);
        let file = state.names[name];
        damage(&mut state.files[file].bytes);
        state.files[file].synced = state.files[file].bytes.clone();
    }
}

/// Returns the synced bytes, followed by a random part of the others, in which bytes may be missing (zeros).
fn torn(file: &Contents, random: &mut Rng) -> Contents {
    let kept = file.synced.len().min(file.bytes.len());
    let length = random.usize(kept..=file.bytes.len());
    let mut bytes = file.bytes[..length].to_vec();
    bytes[..kept].copy_from_slice(&file.synced[..kept]);
    if length > kept && random.bool() {
        let from = random.usize(kept..length);
        let to = random.usize(from..=length);
        bytes[from..to].fill(0);
    }
    Contents { synced: bytes.clone(), bytes }
}

struct Handle {
    disk: Disk,
    name: String,
    file: usize,
}

impl State {
    fn give_back(&mut self, bytes: usize) {
        self.room = self.room.map(|room| room + bytes);
    }

    /// Frees the room of a file that has no name and is not open.
    fn free(&mut self, file: usize) {
        if !self.open.contains(&file) && !self.names.values().any(|named| *named == file) {
            self.give_back(self.files[file].bytes.len());
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let mut state = lock(&self.disk.0);
        if let Some(at) = state.open.iter().position(|open| *open == self.file) {
            state.open.swap_remove(at);
        }
        state.free(self.file);
    }
}

impl Files for Disk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    fn append(&self, name: &str) -> io::Result<Box<dyn Append>> {
        self.changes();
        let mut state = lock(&self.0);
        let known = state.names.get(name).copied();
        if known.is_none() && state.room == Some(0) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let file = known.unwrap_or_else(|| {
            state.files.push(Contents::default());
            let file = state.files.len() - 1;
            state.names.insert(name.to_owned(), file);
            file
        });
        state.open.push(file);
        Ok(Box::new(Handle { disk: self.clone(), name: name.to_owned(), file }))
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let state = lock(&self.0);
        let file = *state.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(state.files[file].bytes.clone())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.changes();
        let mut state = lock(&self.0);
        if state.is_fixed {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let file = state.names.remove(name).ok_or(io::ErrorKind::NotFound)?;
        state.free(file);
        Ok(())
    }

    fn sync_names(&self) -> io::Result<()> {
        self.changes();
        let mut state = lock(&self.0);
        state.synced_names = state.names.clone();
        Ok(())
    }
}

impl Append for Handle {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.changes();
        let mut state = lock(&self.disk.0);
        let fits = state.room.map_or(bytes.len(), |room| room.min(bytes.len()));
        state.room = state.room.map(|room| room - fits);
        let file = self.file;
        state.files[file].bytes.extend_from_slice(&bytes[..fits]);
        if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.changes();
        let mut state = lock(&self.disk.0);
        if state.is_broken {
            return Err(io::Error::other("the device has failed"));
        }
        state.syncs += 1;
        let file = self.file;
        state.files[file].synced = state.files[file].bytes.clone();
        Ok(())
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.disk.changes();
        let mut state = lock(&self.disk.0);
        let freed = state.files[self.file].bytes.len().saturating_sub(length as usize);
        state.files[self.file].bytes.truncate(length as usize);
        state.give_back(freed);
        Ok(())
    }

    fn is_there(&self) -> io::Result<bool> {
        Ok(lock(&self.disk.0).names.get(&self.name) == Some(&self.file))
    }
}
