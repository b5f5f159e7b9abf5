//! [`Known`]: what is known of a snapshot without asking.
//!
//! It was read before in the same attempt, or it came with a conflict. Knowing is not reading: what the
//! closure does not ask for is not guarded.

use std::collections::BTreeMap;
use std::sync::Arc;

use txetcd_client::KeyValue;

use super::bounds::Bounds;

/// Rows of the snapshot, and ranges of which all rows are known.
#[derive(Debug, Default)]
pub(crate) struct Known {
    keys: BTreeMap<Vec<u8>, Option<Arc<KeyValue>>>,
    ranges: Vec<(Bounds, Vec<Arc<KeyValue>>)>,
}

impl Known {
    /// A key is this, or absent.
    pub(crate) fn add_key(&mut self, key: Vec<u8>, kv: Option<Arc<KeyValue>>) {
        self.keys.insert(key, kv);
    }

    /// A range has these rows, which are sorted, and no others.
    pub(crate) fn add_range(&mut self, bounds: Bounds, rows: Vec<Arc<KeyValue>>) {
        self.ranges.push((bounds, rows));
    }

    /// What is known of a key: `Some(None)` if it is known to be absent.
    pub(crate) fn key(&self, key: &[u8]) -> Option<Option<Arc<KeyValue>>> {
        if let Some(known) = self.keys.get(key) {
            return Some(known.clone());
        }
        let (_, rows) = self.ranges.iter().find(|(bounds, _)| bounds.contains(key))?;
        Some(rows.binary_search_by(|kv| kv.key().cmp(key)).ok().map(|at| rows[at].clone()))
    }

    /// The rows at the beginning (or, in reverse, the end) of a range, and how far they reach.
    pub(crate) fn page(&self, bounds: &Bounds, reverse: bool) -> Option<(Bounds, Vec<Arc<KeyValue>>)> {
        self.ranges.iter().find_map(|(known, rows)| {
            let covered = if reverse {
                (known.start < bounds.end && bounds.end <= known.end)
                    .then(|| Bounds::new(known.start.clone().max(bounds.start.clone()), bounds.end.clone()))
            } else {
                known
                    .contains(&bounds.start)
                    .then(|| Bounds::new(bounds.start.clone(), known.end.clone().min(bounds.end.clone())))
            }?;
            let rows = rows.iter().filter(|kv| covered.contains(kv.key())).cloned().collect();
            Some((covered, rows))
        })
    }
}
