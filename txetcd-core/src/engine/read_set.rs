//! [`ReadSet`]: what an attempt has read, and so what must still hold when it commits.

use std::collections::BTreeMap;

use txetcd_client::teeth::{Bug, planted};
use txetcd_client::{Compare, KeyValue};

use super::bookkeeping::slot_of;
use super::bounds::Bounds;

/// A row as it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The revision of the row, 0 if it was absent. A negative one is provisional: the number, negated, of the
    /// transaction of this process that is about to put or delete the row.
    pub(crate) mod_revision: i64,
    pub(crate) lease: i64,
    /// How many bytes the row has; if only its key was read, as many as a row may have.
    pub(crate) size: usize,
    pub(crate) is_present: bool,
}

/// The size that is assumed of a row whose value was not read.
const UNREAD_SIZE: usize = 1 << 20;

impl Mark {
    pub(crate) const ABSENT: Self = Self { mod_revision: 0, lease: 0, size: 0, is_present: false };

    pub(crate) fn of(kv: Option<&KeyValue>, value_read: bool) -> Self {
        kv.map_or(Self::ABSENT, |kv| Self {
            mod_revision: kv.mod_revision(),
            lease: kv.lease(),
            // What a row weighs matters little: under this bug its version travels in its place.
            size: if planted(Bug::VersionGuards) {
                usize::try_from(kv.version()).unwrap_or(0)
            } else if value_read {
                kv.key().len() + kv.value().len()
            } else {
                UNREAD_SIZE
            },
            is_present: true,
        })
    }

    /// Holds as long as the row of this key is as it was read.
    pub(crate) fn guard(&self, key: &[u8]) -> Compare {
        if planted(Bug::VersionGuards) && self.size != 0 {
            return Compare::version(key).eq(i64::try_from(self.size).unwrap_or(0));
        }
        Compare::mod_revision(key).eq(self.mod_revision)
    }

    /// A row that the transaction of this number is about to delete.
    pub(crate) fn deleted_by(number: u64) -> Self {
        Self { mod_revision: provisional(number), ..Self::ABSENT }
    }

    /// The transaction of this process that is about to write the row, if one is.
    pub(crate) fn writer(&self) -> Option<u64> {
        (self.mod_revision < 0).then(|| self.mod_revision.unsigned_abs())
    }

    /// The mark, after the transaction that was about to write the row has committed in this revision.
    pub(crate) fn committed(self, revision: i64) -> Self {
        Self { mod_revision: if self.is_present { revision } else { 0 }, ..self }
    }
}

/// The revision of a row that the transaction of this number is about to write.
pub(crate) fn provisional(number: u64) -> i64 {
    number.cast_signed().wrapping_neg()
}

/// A range of which everything was read.
#[derive(Debug, Clone)]
pub(crate) struct RangeRead {
    pub(crate) bounds: Bounds,
    /// The rows that were there, and marks of those that a transaction of this process is about to delete.
    pub(crate) rows: BTreeMap<Vec<u8>, Mark>,
}

/// Everything that was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadSet {
    pub(crate) keys: BTreeMap<Vec<u8>, Mark>,
    pub(crate) ranges: Vec<RangeRead>,
}

impl ReadSet {
    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.ranges.is_empty()
    }

    /// How many guards the ranges need at most: a row that this process has written since cuts its range in two.
    pub(crate) fn range_guards(&self) -> usize {
        self.ranges.iter().map(|range| 1 + 2 * range.rows.len()).sum()
    }

    pub(crate) fn add_key(&mut self, key: Vec<u8>, mark: Mark) {
        self.keys.insert(key, mark);
    }

    /// Adds a range. Pages of one scan become one range again.
    pub(crate) fn add_range(&mut self, bounds: Bounds, rows: BTreeMap<Vec<u8>, Mark>) {
        let slot = slot_of(&bounds.start);
        for known in self.ranges.iter_mut().filter(|known| slot_of(&known.bounds.start) == slot) {
            if known.bounds.end == bounds.start {
                known.bounds.end = bounds.end;
            } else if bounds.end == known.bounds.start {
                known.bounds.start = bounds.start;
            } else if known.bounds == bounds {
                return;
            } else {
                continue;
            }
            known.rows.extend(rows);
            return;
        }
        self.ranges.push(RangeRead { bounds, rows });
    }

    /// The row as it was read, if it was.
    pub(crate) fn mark(&self, key: &[u8]) -> Option<Mark> {
        if let Some(mark) = self.keys.get(key) {
            return Some(*mark);
        }
        let range = self.ranges.iter().find(|range| range.bounds.contains(key))?;
        Some(range.rows.get(key).copied().unwrap_or(Mark::ABSENT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(slot: u16, n: u8) -> Vec<u8> {
        [&slot.to_be_bytes()[..], &[n]].concat()
    }

    fn rows(keys: impl IntoIterator<Item = u8>) -> BTreeMap<Vec<u8>, Mark> {
        let mark = |n| Mark { mod_revision: n, lease: 0, size: 1, is_present: true };
        keys.into_iter().map(|n| (key(1, n), mark(n.into()))).collect()
    }

    #[test]
    fn pages_of_a_scan_become_one_range_with_all_of_their_rows() {
        let mut pages = [(0, 4, 1..3), (4, 8, 5..7), (8, 9, 8..9)];
        for reverse in [false, true] {
            if reverse {
                pages.reverse();
            }
            let mut reads = ReadSet::default();
            for (start, end, keys) in pages.clone() {
                reads.add_range(Bounds::new(key(1, start), key(1, end)), rows(keys));
            }
            let [whole] = &reads.ranges[..] else { panic!("{:?}", reads.ranges) };
            assert_eq!(whole.bounds, Bounds::new(key(1, 0), key(1, 9)));
            assert_eq!(whole.rows, rows([1, 2, 5, 6, 8]));
            assert_eq!(reads.mark(&key(1, 6)), Some(rows([6])[&key(1, 6)]));
            assert_eq!(reads.mark(&key(1, 7)), Some(Mark::ABSENT));
            assert_eq!(reads.mark(&key(1, 9)), None);
        }
    }

    #[test]
    fn a_range_that_is_read_again_is_one_and_that_of_another_table_is_another() {
        let mut reads = ReadSet::default();
        for _ in 0..2 {
            reads.add_range(Bounds::new(key(1, 0), key(2, 0)), rows([1]));
        }
        assert_eq!(reads.ranges.len(), 1);
        reads.add_range(Bounds::new(key(2, 0), key(2, 9)), BTreeMap::new());
        reads.add_range(Bounds::new(key(1, 3), key(1, 5)), rows([3]));
        assert_eq!(reads.ranges.len(), 3);
    }
}
