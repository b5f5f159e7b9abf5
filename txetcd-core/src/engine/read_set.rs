//! [`ReadSet`]: what an attempt has read, and so what must still hold when it commits.

use std::collections::BTreeMap;

use txetcd_client::KeyValue;

use super::bookkeeping::slot_of;
use super::bounds::Bounds;

/// A row as it was read; `mod_revision` 0 means that it was absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) mod_revision: i64,
    pub(crate) lease: i64,
    /// How many bytes the row has; if only its key was read, as many as a row may have.
    pub(crate) size: usize,
}

/// The size that is assumed of a row whose value was not read.
const UNREAD_SIZE: usize = 1 << 20;

impl Mark {
    pub(crate) const ABSENT: Self = Self { mod_revision: 0, lease: 0, size: 0 };

    pub(crate) fn of(kv: Option<&KeyValue>, value_read: bool) -> Self {
        kv.map_or(Self::ABSENT, |kv| Self {
            mod_revision: kv.mod_revision(),
            lease: kv.lease(),
            size: if value_read { kv.key().len() + kv.value().len() } else { UNREAD_SIZE },
        })
    }
}

/// A range of which everything was read.
#[derive(Debug, Clone)]
pub(crate) struct RangeRead {
    pub(crate) bounds: Bounds,
    /// The rows that were there.
    pub(crate) rows: BTreeMap<Vec<u8>, Mark>,
}

/// Everything that was read.
#[derive(Debug, Default)]
pub(crate) struct ReadSet {
    pub(crate) keys: BTreeMap<Vec<u8>, Mark>,
    pub(crate) ranges: Vec<RangeRead>,
}

impl ReadSet {
    pub(crate) fn add_key(&mut self, key: &[u8], mark: Mark) {
        self.keys.insert(key.to_vec(), mark);
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
