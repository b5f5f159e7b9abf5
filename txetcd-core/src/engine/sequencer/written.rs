//! [`Written`]: what transactions of this process have made of keys, and are about to.
//!
//! What was committed and what is not settled are kept apart: if the latter fails, the former is what counts again.

use std::cell::OnceCell;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use foldhash::HashMap;
use txetcd_client::KeyValue;

use crate::engine::attempt::Attempt;
use crate::engine::bounds::Bounds;
use crate::engine::write_set::Own;

/// Of how many keys it is remembered what was committed to them.
const REMEMBERED_KEYS: usize = if cfg!(test) { 4 } else { 8192 };
/// How large the values are that are remembered.
const REMEMBERED_BYTES: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Written {
    keys: HashMap<Arc<[u8]>, Writers>,
    /// The same keys in their order, once a range was looked up.
    sorted: OnceCell<BTreeSet<Arc<[u8]>>>,
    /// The keys to which something was committed, and when that was, the oldest first.
    remembered: VecDeque<(Arc<[u8]>, i64)>,
}

/// Who has written a key.
#[derive(Debug, Default)]
pub(super) struct Writers {
    /// The last one that was committed, and in which revision.
    pub(super) committed: Option<(i64, Writer)>,
    /// The last one that is not settled: it comes after that one.
    pub(super) open: Option<Writer>,
}

#[derive(Debug)]
pub(super) struct Writer {
    pub(super) number: u64,
    wrote: Wrote,
}

/// What a transaction makes of a key.
#[derive(Debug)]
enum Wrote {
    Deleted,
    /// The value with its lease.
    Put(Arc<[u8]>, i64),
    /// A value that is too large to be remembered.
    Large,
}

impl Written {
    pub(super) fn get(&self, key: &[u8]) -> Option<&Writers> {
        self.keys.get(key)
    }

    /// The keys within a range, in their order.
    pub(super) fn within(&self, bounds: &Bounds) -> impl Iterator<Item = (&[u8], &Writers)> {
        let sorted = self.sorted.get_or_init(|| self.keys.keys().cloned().collect());
        let within = (!bounds.is_empty()).then(|| sorted.range::<[u8], _>(bounds.as_range()));
        within.into_iter().flatten().filter_map(|key| Some((&**key, self.get(key)?)))
    }

    /// An attempt that is not settled comes after all others.
    pub(super) fn write(&mut self, number: u64, attempt: &Attempt) {
        for (key, own) in attempt.writes.rows() {
            let open = Some(Writer::of(number, own, attempt, key));
            if let Some(writers) = self.keys.get_mut(key) {
                writers.open = open;
                continue;
            }
            let key: Arc<[u8]> = key.into();
            if let Some(sorted) = self.sorted.get_mut() {
                sorted.insert(key.clone());
            }
            self.keys.insert(key, Writers { open, committed: None });
        }
    }

    /// An attempt was committed.
    pub(super) fn commit(&mut self, number: u64, attempt: &Attempt, revision: i64) {
        for (key, own) in attempt.writes.rows() {
            let Some(writers) = self.keys.get_mut(key) else { continue };
            let writer = match writers.open.take_if(|open| open.number == number) {
                Some(newest) => newest,
                None => Writer::of(number, own, attempt, key),
            };
            if writers.commit(revision, writer) {
                let key = self.keys.get_key_value(key).map(|(key, _)| (key.clone(), revision));
                self.remembered.extend(key);
            }
        }
        while self.remembered.len() > REMEMBERED_KEYS
            && let Some((key, revision)) = self.remembered.pop_front()
        {
            let Some(writers) = self.keys.get_mut(&key) else { continue };
            writers.committed.take_if(|(committed, _)| *committed == revision);
            if writers.newest().is_none() {
                self.keys.remove(&key);
                if let Some(sorted) = self.sorted.get_mut() {
                    sorted.remove(&key);
                }
            }
        }
    }

    /// Nobody is about to write anything any more.
    pub(super) fn forget_open(&mut self) {
        let Self { keys, sorted, .. } = self;
        keys.retain(|key, writers| {
            writers.open = None;
            let is_left = writers.committed.is_some();
            if !is_left && let Some(sorted) = sorted.get_mut() {
                sorted.remove(key);
            }
            is_left
        });
    }

    /// The row that was committed last, and in which revision, as far as it is remembered; a row of `None` is not there.
    pub(super) fn row(&self, key: &[u8]) -> Option<(i64, Option<Arc<KeyValue>>)> {
        let (revision, writer) = self.get(key)?.committed.as_ref()?;
        let row = match &writer.wrote {
            Wrote::Deleted => None,
            Wrote::Put(value, lease) => {
                let kv = KeyValue::provisional(key.to_vec(), value.to_vec(), *lease, *revision);
                Some(Arc::new(kv))
            }
            Wrote::Large => return None,
        };
        Some((*revision, row))
    }
}

impl Writers {
    pub(super) fn newest(&self) -> Option<&Writer> {
        self.open.as_ref().or_else(|| self.committed.as_ref().map(|(_, writer)| writer))
    }

    /// One was committed; the later one of a revision counts. Whether that is the first of this revision.
    fn commit(&mut self, revision: i64, writer: Writer) -> bool {
        let before = self.committed.as_ref().map(|(revision, writer)| (*revision, writer.number));
        if before < Some((revision, writer.number)) {
            self.committed = Some((revision, writer));
        }
        before.is_none_or(|(before, _)| before < revision)
    }
}

impl Writer {
    fn of(number: u64, own: &Own, attempt: &Attempt, key: &[u8]) -> Self {
        let wrote = match own {
            Own::Deleted => Wrote::Deleted,
            Own::Put(put) if put.value.len() > REMEMBERED_BYTES => Wrote::Large,
            Own::Put(put) => Wrote::Put(put.value.clone(), put.lease(attempt.reads.mark(key))),
        };
        Self { number, wrote }
    }

    pub(super) fn has_deleted(&self) -> bool {
        matches!(self.wrote, Wrote::Deleted)
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;
    use crate::engine::attempt::{SchemaGuards, Source};
    use crate::engine::naming::Tables;
    use crate::engine::read_set::ReadSet;
    use crate::engine::write_set::{NewRow, WriteSet};

    fn key(n: u8) -> Vec<u8> {
        vec![0, 1, n]
    }

    /// Puts these keys.
    fn attempt(keys: impl IntoIterator<Item = u8>) -> Attempt {
        let mut writes = WriteSet::default();
        keys.into_iter().for_each(|n| writes.put(key(n), NewRow::unindexed(Vec::new())));
        Attempt {
            revision: None,
            source: Source::Store,
            reads: ReadSet::default(),
            writes,
            tables: Tables::default(),
            schemas: SchemaGuards::new(),
            locks: Vec::new(),
        }
    }

    #[test]
    fn a_range_has_all_that_was_written_in_its_order() {
        let mut rng = Rng::with_seed(7);
        for _ in 0..200 {
            let (mut written, mut open) = (Written::default(), Vec::new());
            for number in 1..60 {
                match rng.u8(..8) {
                    0..5 => {
                        let attempt = attempt((0..rng.u8(1..3)).map(|_| rng.u8(..12)));
                        written.write(number, &attempt);
                        open.push((number, attempt));
                    }
                    5..7 => open.drain(..).for_each(|(number, attempt)| {
                        written.commit(number, &attempt, number.cast_signed());
                    }),
                    _ => {
                        open.clear();
                        written.forget_open();
                    }
                }
                let from = rng.u8(..6);
                let bounds = Bounds::new(key(from), key(from + 6));
                let known = (from..from + 6).filter(|n| written.get(&key(*n)).is_some());
                let within: Vec<Vec<u8>> = written.within(&bounds).map(|(key, _)| key.to_vec()).collect();
                assert_eq!(within, known.map(key).collect::<Vec<_>>());
                let kept = written.sorted.get().map(BTreeSet::len);
                assert_eq!(kept, Some(written.keys.len()), "both have the same keys");
                assert!(written.keys.len() <= REMEMBERED_KEYS + 12, "it is forgotten");
            }
        }
    }
}
