//! Publishes by their numbers, oldest first.

use std::collections::VecDeque;

/// Entries by their numbers, which count from 0 in the order of coming. An entry that ends before an older one leaves its slot
/// behind, but never more such slots stay than there are entries, however long the oldest one waits.
pub(super) struct Entries<T> {
    /// The slots in the order of their numbers; the first one has an entry.
    slots: VecDeque<Slot<T>>,
    live: usize,
    next_number: u64,
}

struct Slot<T> {
    number: u64,
    entry: Option<T>,
}

/// So few empty slots are no waste.
const FEW: usize = 64;

impl<T> Entries<T> {
    pub fn new() -> Entries<T> {
        Entries { slots: VecDeque::new(), live: 0, next_number: 0 }
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.live
    }

    /// Returns the number that the next entry will get.
    pub fn next_number(&self) -> u64 {
        self.next_number
    }

    /// Returns the number of the oldest entry, or the next number if there is none.
    pub fn first_number(&self) -> u64 {
        self.slots.front().map_or(self.next_number, |slot| slot.number)
    }

    pub fn push(&mut self, entry: T) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.live += 1;
        self.slots.push_back(Slot { number, entry: Some(entry) });
        number
    }

    pub fn get(&self, number: u64) -> Option<&T> {
        self.slots[self.index(number).ok()?].entry.as_ref()
    }

    pub fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let index = self.index(number).ok()?;
        self.slots[index].entry.as_mut()
    }

    pub fn remove(&mut self, number: u64) -> Option<T> {
        let index = self.index(number).ok()?;
        let entry = self.slots[index].entry.take()?;
        self.live -= 1;
        while self.slots.front().is_some_and(|slot| slot.entry.is_none()) {
            self.slots.pop_front();
        }
        if self.slots.len() > 2 * self.live + FEW {
            self.slots.retain(|slot| slot.entry.is_some());
        }
        Some(entry)
    }

    /// Returns the first number, not below this one, that has an entry.
    pub fn next_from(&self, number: u64) -> Option<u64> {
        if number >= self.next_number {
            return None;
        }
        if self.get(number).is_some() {
            return Some(number);
        }
        let index = self.index(number).unwrap_or_else(|index| index);
        self.slots.range(index..).find(|slot| slot.entry.is_some()).map(|slot| slot.number)
    }

    pub fn numbers(&self) -> Vec<u64> {
        self.slots.iter().filter(|slot| slot.entry.is_some()).map(|slot| slot.number).collect()
    }

    pub fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.slots.iter().filter_map(|slot| Some((slot.number, slot.entry.as_ref()?)))
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().filter_map(|slot| slot.entry.as_mut())
    }

    /// Returns the slot of a number, or where it would be. Numbers are dense unless slots were dropped.
    fn index(&self, number: u64) -> Result<usize, usize> {
        let guess = number.wrapping_sub(self.first_number()) as usize;
        match self.slots.get(guess) {
            Some(slot) if slot.number == number => Ok(guess),
            _ => self.search(number),
        }
    }

    #[cold]
    fn search(&self, number: u64) -> Result<usize, usize> {
        self.slots.binary_search_by_key(&number, |slot| slot.number)
    }
}

#[cfg(test)]
impl<T> Entries<T> {
    /// Returns the number of slots, with and without an entry.
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    pub fn assert_invariants(&self) {
        assert_eq!(self.live, self.iter().count(), "entries that are there");
        assert!(self.slots.iter().map(|slot| slot.number).is_sorted_by(|one, next| one < next), "order of the slots");
        assert!(self.slots.front().is_none_or(|slot| slot.entry.is_some()), "the first slot is empty");
        assert!(self.slots.back().is_none_or(|slot| slot.number < self.next_number), "a slot without a number");
        assert!(self.slots.len() <= 2 * self.live + FEW, "{} slots for {} entries", self.slots.len(), self.live);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_map_by_number_without_waste(steps in prop::collection::vec(any::<Option<u16>>(), 0..600)) {
            let mut entries = Entries::new();
            let mut model = BTreeMap::new();
            for step in steps {
                match step {
                    None => {
                        let number = entries.push(entries.next_number() * 3);
                        model.insert(number, number * 3);
                    }
                    // This mostly removes an entry that exists and is not the oldest.
                    Some(choice) => {
                        let number = model.keys().rev().nth(usize::from(choice) % model.len().max(1)).copied();
                        let number = number.unwrap_or(choice.into());
                        prop_assert_eq!(entries.get(number).copied(), model.get(&number).copied());
                        prop_assert_eq!(entries.remove(number), model.remove(&number));
                        prop_assert_eq!(entries.remove(number), None);
                    }
                }
                prop_assert_eq!(entries.len(), model.len());
                prop_assert_eq!(entries.numbers(), model.keys().copied().collect::<Vec<_>>());
                let first = model.keys().next().copied();
                prop_assert_eq!(entries.first_number(), first.unwrap_or(entries.next_number()));
                let middle = entries.next_number() / 2;
                prop_assert_eq!(entries.next_from(middle), model.range(middle..).next().map(|(number, _)| *number));
                entries.assert_invariants();
            }
        }
    }
}
