//! A cache of values that are expensive to make or worth sharing: equal inputs share one value for as long as somebody uses it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

use sha2::{Digest as _, Sha256};

use crate::lock::lock;

pub(crate) struct Kept<T> {
    values: Mutex<BTreeMap<Digest, Weak<T>>>,
}

/// A digest of all inputs of a value.
pub(crate) type Digest = [u8; 32];

impl<T> Kept<T> {
    pub const fn new() -> Kept<T> {
        Kept { values: Mutex::new(BTreeMap::new()) }
    }

    /// Returns the value for these inputs. It is made outside the lock, because that may wait for a disk: two callers that
    /// start together both make one, and the second value is dropped.
    pub fn get<E>(&self, inputs: Digest, make: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        if let Some(value) = lock(&self.values).get(&inputs).and_then(Weak::upgrade) {
            return Ok(value);
        }
        let made = Arc::new(make()?);
        let mut values = lock(&self.values);
        if let Some(value) = values.get(&inputs).and_then(Weak::upgrade) {
            return Ok(value);
        }
        values.insert(inputs, Arc::downgrade(&made));
        // Doubling intervals make the clean-up cost per value the same for a thousand values as for ten.
        if values.len().is_power_of_two() {
            values.retain(|_, value| value.strong_count() > 0);
        }
        Ok(made)
    }
}

/// Makes a digest of several inputs, each with its length, so that different lists of inputs can't look alike.
#[derive(Default)]
pub(crate) struct Inputs(Sha256);

impl Inputs {
    pub fn add(&mut self, input: &[u8]) {
        self.0.update((input.len() as u64).to_be_bytes());
        self.0.update(input);
    }

    pub fn digest(self) -> Digest {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(all: &[&str]) -> Digest {
        let mut inputs = Inputs::default();
        all.iter().for_each(|input| inputs.add(input.as_bytes()));
        inputs.digest()
    }

    #[test]
    fn a_value_is_kept_while_somebody_has_it() {
        let kept = Kept::new();
        let get = |input: &str, value: u32| kept.get(inputs(&[input]), || Ok::<_, ()>(value)).unwrap();
        let first = get("a", 1);
        assert_eq!((*get("a", 2), *get("b", 3)), (1, 3));
        drop(first);
        assert_eq!(*get("a", 4), 4);
        assert_eq!(kept.get(inputs(&["c"]), || Err("why")), Err("why"));
        assert_eq!(*get("c", 5), 5);
    }

    #[test]
    fn values_that_nobody_has_do_not_pile_up() {
        let kept = Kept::new();
        let lasting: Vec<Arc<u32>> = (0..10).map(|n| kept.get([n; 32], || Ok::<_, ()>(n.into())).unwrap()).collect();
        for n in 10..200 {
            kept.get([n; 32], || Ok::<_, ()>(0)).unwrap();
        }
        assert!(lock(&kept.values).len() <= 32, "{}", lock(&kept.values).len());
        assert_eq!(*kept.get([9; 32], || Ok::<_, ()>(0)).unwrap(), *lasting[9]);
    }

    #[test]
    fn inputs_are_apart() {
        assert_ne!(inputs(&["ab", "c"]), inputs(&["a", "bc"]));
        assert_ne!(inputs(&["ab"]), inputs(&["ab", ""]));
    }
}
