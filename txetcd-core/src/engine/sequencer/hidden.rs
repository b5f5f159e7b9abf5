//! [`Hidden`]: the keys and ranges that members have to do with whose writes others do not see.
//!
//! Who has to come after such a member must not be seen either: over the rows, what it writes would be a state in which
//! the one before it had not come.

use foldhash::HashMap;

use crate::engine::attempt::Attempt;
use crate::engine::bounds::Bounds;
use crate::engine::cache::Cache;

/// Of cached tables only, since a member that others see writes nothing else.
#[derive(Debug, Default)]
pub(super) struct Hidden {
    /// How often each key is read, required or written.
    keys: HashMap<Box<[u8]>, usize>,
    /// The ranges that are read or cleared, and by whom.
    ranges: Vec<(u64, Bounds)>,
}

impl Hidden {
    pub(super) fn add(&mut self, number: u64, attempt: &Attempt, cache: &Cache) {
        for key in keys(attempt).filter(|key| cache.covers(key)) {
            match self.keys.get_mut(key) {
                Some(uses) => *uses += 1,
                None => drop(self.keys.insert(key.into(), 1)),
            }
        }
        // A range lies within a table, which is cached as a whole.
        let ranges = ranges(attempt).filter(|bounds| cache.covers(&bounds.start));
        self.ranges.extend(ranges.map(|bounds| (number, bounds.clone())));
    }

    /// One that was added is settled.
    pub(super) fn remove(&mut self, number: u64, attempt: &Attempt) {
        if !self.keys.is_empty() {
            for key in keys(attempt) {
                if let Some(uses) = self.keys.get_mut(key) {
                    *uses -= 1;
                    if *uses == 0 {
                        self.keys.remove(key);
                    }
                }
            }
        }
        if ranges(attempt).next().is_some() {
            self.ranges.retain(|(other, _)| *other != number);
        }
    }

    /// Whether who writes a key now has to come after one of them.
    pub(super) fn meets(&self, key: &[u8]) -> bool {
        self.keys.contains_key(key) || self.ranges.iter().any(|(_, bounds)| bounds.contains(key))
    }
}

/// Nothing is missed of one that writes nothing.
fn is_missed(attempt: &Attempt) -> bool {
    attempt.writes.rows().next().is_some() || !attempt.writes.cleared().is_empty()
}

/// The keys with which an attempt has to do, some of them twice.
fn keys(attempt: &Attempt) -> impl Iterator<Item = &[u8]> {
    let read = attempt.reads.keys.keys().map(Vec::as_slice);
    let keys = read.chain(attempt.required()).chain(attempt.writes.rows().map(|(key, _)| key));
    is_missed(attempt).then_some(keys).into_iter().flatten()
}

fn ranges(attempt: &Attempt) -> impl Iterator<Item = &Bounds> {
    let ranges = attempt.reads.ranges.iter().map(|range| &range.bounds).chain(attempt.writes.cleared());
    is_missed(attempt).then_some(ranges).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::*;
    use crate::engine::cache::ranges::Ranges;
    use crate::engine::naming::Dangling;
    use crate::engine::read_set::{Mark, ReadSet};
    use crate::engine::write_set::{NewRow, WriteSet};

    fn key(slot: u8, n: u8) -> Vec<u8> {
        vec![0, slot, n]
    }

    /// The first table is cached.
    fn cache() -> Cache {
        let (mut cache, mut ranges) = (Cache::default(), Ranges::default());
        ranges.extend([Bounds::slot(1)]);
        cache.restart(Arc::new(ranges));
        cache
    }

    fn reads() -> ReadSet {
        let mut reads = ReadSet::default();
        reads.add_key(key(1, 1), Mark::ABSENT);
        reads.add_range(Bounds::new(key(1, 2), key(1, 3)), BTreeMap::new());
        reads
    }

    fn met(hidden: &Hidden) -> Vec<u8> {
        (0..8).filter(|n| hidden.meets(&key(1, *n))).collect()
    }

    #[test]
    fn whatever_one_has_to_do_with_is_met_until_it_is_settled() {
        let (cache, mut writes) = (cache(), WriteSet::default());
        writes.require_present(key(1, 3), Dangling { row: key(1, 1), field: "boss" });
        writes.clear(Bounds::new(key(1, 4), key(1, 5)));
        writes.put(key(1, 5), NewRow::unindexed(Vec::new()));
        writes.put(key(2, 5), NewRow::unindexed(Vec::new()));
        let attempt = Attempt::of(reads(), writes);
        let mut hidden = Hidden::default();
        hidden.add(7, &attempt, &cache);
        hidden.add(8, &attempt, &cache);
        assert!(!hidden.meets(&key(2, 5)), "others do not see that table in any case");
        for number in [7, 8] {
            assert_eq!(met(&hidden), [1, 2, 3, 4, 5]);
            hidden.remove(number, &attempt);
        }
        assert!(hidden.keys.is_empty() && hidden.ranges.is_empty(), "{hidden:?}");
    }
    #[test]
    fn nothing_is_missed_of_one_that_writes_nothing() {
        let (mut hidden, reader) = (Hidden::default(), Attempt::of(reads(), WriteSet::default()));
        hidden.add(7, &reader, &cache());
        assert_eq!(met(&hidden), [0; 0]);
        hidden.remove(7, &reader);
    }
}
