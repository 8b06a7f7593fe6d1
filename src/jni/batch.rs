//! A batch of messages for Java: decoded one after the other, as many as a budget holds, because a small message may become a
//! large one when it is decoded.

use std::collections::VecDeque;

use super::packing::{self, Records};
use crate::mqtt::{Delivery, ValueSize};
use crate::reader::RawReader;

/// A batch of decoded messages, which are counted when Java has them.
pub(super) struct Batch<'a> {
    reader: &'a RawReader,
    deliveries: Vec<Delivery>,
    /// The sizes of the messages' values; `None` for a message without one.
    sizes: Vec<Option<ValueSize>>,
    records: Records,
}

impl<'a> Batch<'a> {
    /// Decodes the first messages, as many as the budget holds, and leaves the others. A message that exceeds the budget is
    /// alone in its batch.
    pub fn of(reader: &'a RawReader, waiting: &mut VecDeque<Delivery>) -> Batch<'a> {
        let expected: usize =
            waiting.iter().map(|delivery| delivery.publish.payload.len() + delivery.publish.topic.len() + 32).sum();
        let records = Records::with_room(expected.min(packing::BUDGET));
        let mut batch = Batch { reader, deliveries: Vec::new(), sizes: Vec::new(), records };
        while batch.records.len() < packing::BUDGET
            && let Some(delivery) = waiting.pop_front()
        {
            let before = batch.records.len();
            batch.push(delivery);
            if batch.deliveries.len() > 1 && batch.records.len() > packing::BUDGET {
                batch.records.truncate(before);
                batch.sizes.pop();
                batch.deliveries.pop().into_iter().for_each(|delivery| waiting.push_front(delivery));
                break;
            }
        }
        batch
    }

    fn push(&mut self, delivery: Delivery) {
        let publish = &delivery.publish;
        let decoded = self.reader.decode_uncounted(&publish.payload, &publish.topic);
        let packed = decoded
            .and_then(|decoded| self.records.message(delivery.number, Some(publish), &decoded).map(|()| decoded.size));
        self.sizes.push(packed.as_ref().ok().copied());
        if let Err(error) = packed {
            self.records.failure(delivery.number, &publish.topic, &error);
        }
        self.deliveries.push(delivery);
    }

    /// Returns the records as an array for Java.
    pub fn records(&mut self) -> &[u8] {
        self.records.array()
    }

    /// Makes the batch smaller, because Java could not take it: only the first message is left, or if it was alone already,
    /// only its failure. Returns the other messages; `None` if the batch can't be made smaller.
    pub fn shrink(&mut self) -> Option<Vec<Delivery>> {
        let rest = self.deliveries.split_off(self.deliveries.len().min(1));
        let first = self.deliveries.pop()?;
        let size = self.sizes.first().copied().flatten();
        self.sizes.clear();
        self.records.truncate(0);
        match (rest.is_empty(), size) {
            (true, None) => {
                self.deliveries.push(first);
                return None;
            }
            (true, Some(size)) => {
                self.records.no_memory(first.number, &first.publish.topic, size.plain);
                self.sizes.push(None);
                self.deliveries.push(first);
            }
            (false, _) => self.push(first),
        }
        Some(rest)
    }

    /// Counts the messages, because Java has them.
    pub fn handed_over(self) {
        for (delivery, size) in self.deliveries.iter().zip(self.sizes) {
            match size {
                Some(size) => self.reader.counters.message(delivery.publish.payload.len(), size),
                None => self.reader.counters.error(),
            }
        }
    }

    pub fn into_deliveries(self) -> Vec<Delivery> {
        self.deliveries
    }
}
