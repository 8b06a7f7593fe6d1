//! Packet identifiers in use (MQTT 3.1.1, section 2.3.1, and MQTT 5, section 2.2.1).

/// The holder of a packet identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// The publish of this number.
    Publish(u64),
    Subscription,
}

/// A table of packet identifiers without hashing: each identifier has one place, given by its low bits, and an identifier whose
/// place is taken is skipped when a new one is chosen. The table grows with the number of identifiers in use.
pub(super) struct Ids {
    places: Vec<Option<(u16, Holder)>>,
    used: usize,
    last: u16,
}

const FIRST_SIZE: usize = 64;
/// The size at which every identifier has a place of its own.
const LARGEST_SIZE: usize = 1 << 16;

impl Ids {
    pub fn new() -> Ids {
        Ids { places: Vec::new(), used: 0, last: 0 }
    }

    fn place(&self, id: u16) -> usize {
        usize::from(id) & self.places.len().wrapping_sub(1)
    }

    /// Takes the next free identifier. There is always one, since the window is smaller than the number of identifiers.
    pub fn take(&mut self, holder: Holder) -> u16 {
        if self.used * 2 >= self.places.len() && self.places.len() < LARGEST_SIZE {
            self.grow();
        }
        loop {
            self.last = self.last.checked_add(1).unwrap_or(1);
            let place = self.place(self.last);
            if self.places[place].is_none() {
                self.places[place] = Some((self.last, holder));
                self.used += 1;
                return self.last;
            }
        }
    }

    /// Takes this identifier, or the next free one if it is in use.
    pub fn take_this(&mut self, id: u16, holder: Holder) -> u16 {
        if self.get(id).is_some() {
            return self.take(holder);
        }
        while self.places.is_empty() || self.used * 2 >= self.places.len() || self.places[self.place(id)].is_some() {
            if self.places.len() == LARGEST_SIZE {
                break;
            }
            self.grow();
        }
        let place = self.place(id);
        self.places[place] = Some((id, holder));
        self.used += 1;
        id
    }

    /// Doubles the table. Identifiers in different places stay apart, since more bits distinguish them.
    fn grow(&mut self) {
        let size = (self.places.len() * 2).clamp(FIRST_SIZE, LARGEST_SIZE);
        let before = std::mem::replace(&mut self.places, vec![None; size]);
        for (id, holder) in before.into_iter().flatten() {
            let place = self.place(id);
            self.places[place] = Some((id, holder));
        }
    }

    pub fn get(&self, id: u16) -> Option<Holder> {
        let (used, holder) = (*self.places.get(self.place(id))?)?;
        (used == id).then_some(holder)
    }

    pub fn release(&mut self, id: u16) {
        if self.get(id).is_some() {
            let place = self.place(id);
            self.places[place] = None;
            self.used -= 1;
        }
    }

    pub fn clear(&mut self) {
        self.places.clear();
        self.used = 0;
    }
}

#[cfg(test)]
impl Ids {
    pub fn len(&self) -> usize {
        self.used
    }

    pub fn is_empty(&self) -> bool {
        self.used == 0
    }

    /// Panics unless exactly these identifiers are in use.
    pub fn assert_held_by(&self, mut held: Vec<(u16, Holder)>) {
        let mut there: Vec<(u16, Holder)> = self.places.iter().flatten().copied().collect();
        assert_eq!(self.used, there.len(), "identifiers in use");
        there.sort_by_key(|(id, _)| *id);
        held.sort_by_key(|(id, _)| *id);
        assert_eq!(there, held, "who holds the identifiers");
    }

    pub fn any(&self) -> Option<u16> {
        self.places.iter().flatten().map(|(id, _)| *id).next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_identifiers_but_a_few_can_be_in_use_and_none_twice() {
        let mut ids = Ids::new();
        let mut seen = std::collections::HashSet::new();
        for number in 0..65_001 {
            assert!(seen.insert(ids.take(Holder::Publish(number))));
        }
        assert!(!seen.contains(&0));
        for id in &seen {
            ids.release(*id);
            assert_eq!(ids.get(*id), None);
        }
        assert!(ids.is_empty());
    }
}
