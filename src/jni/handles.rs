//! Handles: numbers by which Java refers to clients. A stale handle is an error, never a crash.

use std::sync::{Arc, Mutex};

use once_cell::sync::Lazy;

use super::client::JavaClient;
use crate::error::Result;
use crate::lock::lock;
use crate::mqtt::closed_error;

/// The clients by slot. Slots are reused; the generation tells the successive clients of a slot apart.
#[derive(Default)]
struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Default)]
struct Slot {
    generation: u32,
    client: Option<Arc<JavaClient>>,
}

static TABLE: Lazy<Mutex<Table>> = Lazy::new(Mutex::default);

/// Returns a handle for the client; it is never 0.
pub(super) fn insert(client: JavaClient) -> i64 {
    let mut table = lock(&TABLE);
    let index = table.free.pop().unwrap_or_else(|| {
        table.slots.push(Slot::default());
        (table.slots.len() - 1) as u32
    });
    let slot = &mut table.slots[index as usize];
    // The generation has 31 bits and starts at 1, so that a handle is positive.
    slot.generation = slot.generation % 0x7FFF_FFFF + 1;
    let handle = i64::from(slot.generation) << 32 | i64::from(index);
    slot.client = Some(Arc::new(client.named(handle)));
    handle
}

/// Returns the client of this handle.
pub(super) fn get(handle: i64) -> Result<Arc<JavaClient>> {
    let (generation, index) = split(handle);
    let table = lock(&TABLE);
    let slot = table.slots.get(index).filter(|slot| slot.generation == generation);
    slot.and_then(|slot| slot.client.clone()).ok_or_else(closed_error)
}

/// Frees the handle, and returns its client the first time.
pub(super) fn remove(handle: i64) -> Option<Arc<JavaClient>> {
    let (generation, index) = split(handle);
    let mut table = lock(&TABLE);
    let slot = table.slots.get_mut(index).filter(|slot| slot.generation == generation)?;
    let client = slot.client.take()?;
    table.free.push(index as u32);
    Some(client)
}

/// Returns the number of handles in use.
pub(super) fn live() -> usize {
    lock(&TABLE).slots.iter().filter(|slot| slot.client.is_some()).count()
}

fn split(handle: i64) -> (u32, usize) {
    ((handle >> 32) as u32, (handle & 0xFFFF_FFFF) as usize)
}
