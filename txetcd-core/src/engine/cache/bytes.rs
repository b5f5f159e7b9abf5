//! [`Bytes`]: how much of each slot is cached.

use std::collections::BTreeMap;

use txetcd_client::KeyValue;

use crate::engine::bookkeeping::slot_of;

/// The bytes of keys and values, by slot.
#[derive(Debug, Default)]
pub(crate) struct Bytes {
    by_slot: BTreeMap<u16, usize>,
    total: usize,
}

impl Bytes {
    pub(crate) fn add(&mut self, kv: &KeyValue) {
        *self.by_slot.entry(slot_of(kv.key())).or_default() += size(kv);
        self.total += size(kv);
    }

    pub(crate) fn remove(&mut self, kv: &KeyValue) {
        if let Some(bytes) = self.by_slot.get_mut(&slot_of(kv.key())) {
            *bytes -= size(kv);
            self.total -= size(kv);
        }
    }

    /// The slot that has most, if there are more than so many bytes in all.
    pub(crate) fn largest_beyond(&self, most: usize) -> Option<u16> {
        let largest = self.by_slot.iter().max_by_key(|(_, bytes)| **bytes);
        largest.filter(|_| self.total > most).map(|(slot, _)| *slot)
    }
}

fn size(kv: &KeyValue) -> usize {
    kv.key().len() + kv.value().len()
}
