//! [`WrittenKeys`]: what transactions of this process have made of keys, and are about to.
//!
//! What was committed and what is not settled are kept apart: if the latter fails, the former is what counts again.

use std::cell::{Cell, OnceCell};
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
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
pub(super) struct WrittenKeys {
    keys: HashMap<Arc<[u8]>, Writers>,
    /// The same keys in their order, as long as ranges are looked up.
    sorted: OnceCell<BTreeSet<Arc<[u8]>>>,
    /// How many keys have come since one was.
    unsorted: Cell<usize>,
    /// The keys to which something was committed that is remembered, each once, and when that was or one before it.
    remembered: VecDeque<(Arc<[u8]>, i64)>,
    /// The last revision of a commit that is not found at its keys: it was forgotten, or has cleared a range.
    forgotten: i64,
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

/// What a transaction makes of a key. `Debug` does not show the value.
enum Wrote {
    Deleted,
    /// The value with its lease.
    Put(Arc<[u8]>, i64),
    /// A value that is too large to be remembered.
    Large,
}

impl WrittenKeys {
    pub(super) fn get(&self, key: &[u8]) -> Option<&Writers> {
        self.keys.get(key)
    }

    /// The keys within a range, in their order.
    pub(super) fn within(&self, bounds: &Bounds) -> impl Iterator<Item = (&[u8], &Writers)> {
        let sorted = || {
            self.unsorted.set(0);
            self.sorted.get_or_init(|| self.keys.keys().cloned().collect())
        };
        let within = (!bounds.is_empty()).then(|| sorted().range::<[u8], _>(bounds.as_range()));
        within.into_iter().flatten().filter_map(|key| Some((&**key, self.get(key)?)))
    }

    /// An attempt that is not settled comes after all others.
    pub(super) fn write(&mut self, number: u64, attempt: &Attempt) {
        for (key, own) in attempt.writes.rows() {
            let open = Some(Writer::of(number, own, attempt, key));
            match self.keys.get_mut(key) {
                Some(writers) => writers.open = open,
                None => self.insert(key.into(), Writers { open, committed: None }),
            }
        }
    }

    fn insert(&mut self, key: Arc<[u8]>, writers: Writers) {
        *self.unsorted.get_mut() += 1;
        if self.unsorted.get() > REMEMBERED_KEYS {
            self.sorted.take();
        } else if let Some(sorted) = self.sorted.get_mut() {
            sorted.insert(key.clone());
        }
        self.keys.insert(key, writers);
    }

    /// An attempt was committed. What is committed to a key comes in the order of revisions and numbers.
    pub(super) fn commit(&mut self, number: u64, attempt: &Attempt, revision: i64) {
        for (key, own) in attempt.writes.rows() {
            let Some(writers) = self.keys.get_mut(key) else {
                debug_assert!(false, "what is committed was written");
                continue;
            };
            let writer = match writers.open.take_if(|open| open.number == number) {
                Some(newest) => newest,
                None => Writer::of(number, own, attempt, key),
            };
            let before = writers.committed.replace((revision, writer));
            debug_assert!(before.as_ref().is_none_or(|it| (it.0, it.1.number) < (revision, number)));
            if before.is_none() {
                let key = self.keys.get_key_value(key).map(|(key, _)| (key.clone(), revision));
                self.remembered.extend(key);
            }
        }
        if !attempt.writes.cleared().is_empty() {
            self.forgotten = self.forgotten.max(revision);
        }
        while self.remembered.len() > REMEMBERED_KEYS
            && let Some((key, since)) = self.remembered.pop_front()
        {
            self.forget(key, since);
        }
    }

    /// Forgets what was committed to a key, unless it is newer than this. Then it is remembered a while longer.
    fn forget(&mut self, key: Arc<[u8]>, since: i64) {
        let Some(writers) = self.keys.get_mut(&key) else { return };
        if let Some((newer, _)) = writers.committed.as_ref().filter(|(revision, _)| *revision > since) {
            self.remembered.push_back((key, *newer));
            return;
        }
        self.forgotten = self.forgotten.max(since);
        writers.committed = None;
        if writers.open.is_none() {
            self.keys.remove(&key);
            if let Some(sorted) = self.sorted.get_mut() {
                sorted.remove(&key);
            }
        }
    }

    /// Whether something was committed to a key after this revision, or perhaps was.
    pub(super) fn is_newer(&self, key: &[u8], revision: i64) -> bool {
        self.forgotten > revision || self.get(key).is_some_and(|writers| writers.are_newer(revision))
    }

    /// The same, for all keys of a range.
    pub(super) fn is_newer_within(&self, bounds: &Bounds, revision: i64) -> bool {
        self.forgotten > revision || self.within(bounds).any(|(_, writers)| writers.are_newer(revision))
    }

    /// Nobody is about to write anything any more.
    pub(super) fn forget_open(&mut self) {
        self.sorted.take();
        self.keys.retain(|_, writers| {
            writers.open = None;
            writers.committed.is_some()
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
    fn are_newer(&self, revision: i64) -> bool {
        self.committed.as_ref().is_some_and(|(committed, _)| *committed > revision)
    }

    pub(super) fn newest(&self) -> Option<&Writer> {
        self.open.as_ref().or_else(|| self.committed.as_ref().map(|(_, writer)| writer))
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

impl fmt::Debug for Wrote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deleted => f.write_str("Deleted"),
            Self::Put(value, lease) => write!(f, "Put({} bytes, lease {lease})", value.len()),
            Self::Large => f.write_str("Large"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use fastrand::Rng;

    use super::*;
    use crate::engine::read_set::ReadSet;
    use crate::engine::write_set::{NewRow, WriteSet};

    const KEYS: u8 = 12;

    fn key(n: u8) -> Vec<u8> {
        vec![0, 1, n]
    }

    /// Writes its number at some keys, or deletes them.
    fn any_attempt(number: u64, rng: &mut Rng) -> Attempt {
        let mut writes = WriteSet::default();
        for _ in 0..rng.u8(1..3) {
            let key = key(rng.u8(..KEYS));
            if rng.u8(..4) == 0 {
                writes.delete(key);
            } else {
                writes.put(key, NewRow::unindexed(number.to_be_bytes().to_vec()));
            }
        }
        Attempt::of(ReadSet::default(), writes)
    }

    /// Who was committed last at each key, in which revision, and whether that was a put.
    type Stored = BTreeMap<Vec<u8>, (u64, i64, bool)>;

    fn check(written: &WrittenKeys, stored: &Stored, open: &[(u64, Attempt)], from: u8) {
        let mut remembered = 0;
        for key in (0..KEYS).map(key) {
            let writes = |attempt: &Attempt| attempt.writes.rows().any(|(row, _)| row == key);
            let last = open.iter().rev().find(|(_, attempt)| writes(attempt)).map(|(number, _)| *number);
            let writers = written.get(&key);
            assert_eq!(writers.and_then(|it| it.open.as_ref()).map(|it| it.number), last);
            // It may be forgotten, but it is not something else.
            let Some((revision, writer)) = writers.and_then(|it| it.committed.as_ref()) else { continue };
            let (number, at, is_put) = stored[&key];
            assert_eq!((*revision, writer.number, writer.has_deleted()), (at, number, !is_put));
            let (row_at, row) = written.row(&key).expect("it is small");
            let value = row.map(|row| row.value().to_vec());
            assert_eq!((row_at, value), (at, is_put.then(|| number.to_be_bytes().to_vec())));
            remembered += 1;
        }
        let newest = stored.values().map(|(_, at, _)| *at).max().unwrap_or(0);
        for (key, (_, at, _)) in stored {
            assert!(written.is_newer(key, at - 1) && !written.is_newer(key, written.forgotten.max(*at)));
        }
        assert!(remembered >= stored.len().min(REMEMBERED_KEYS), "of {stored:?} only {remembered}");
        assert_eq!(written.remembered.len(), remembered, "each is forgotten some day");
        let bounds = Bounds::new(key(from), key(from + 6));
        let known = (from..from + 6).filter(|n| written.get(&key(*n)).is_some());
        let within: Vec<Vec<u8>> = written.within(&bounds).map(|(key, _)| key.to_vec()).collect();
        assert_eq!(within, known.map(key).collect::<Vec<_>>());
        let last = stored.range(bounds.start.clone()..bounds.end.clone()).map(|(_, (_, at, _))| *at).max();
        assert!(last.is_none_or(|at| written.is_newer_within(&bounds, at - 1)));
        assert!(!written.is_newer_within(&bounds, written.forgotten.max(last.unwrap_or(0))));
        assert!(written.forgotten <= newest, "nothing is forgotten of what is not there yet");
        let kept = written.sorted.get().map(BTreeSet::len);
        assert_eq!(kept, Some(written.keys.len()), "both have the same keys");
    }

    #[test]
    fn it_is_known_who_wrote_last_and_what() {
        let mut rng = Rng::with_seed(7);
        for _ in 0..300 {
            let (mut written, mut stored, mut open) = (WrittenKeys::default(), Stored::new(), Vec::new());
            let (mut number, mut revision) = (0, 0);
            for _ in 0..60 {
                match rng.u8(..8) {
                    0..4 => {
                        number += 1;
                        let attempt = any_attempt(number, &mut rng);
                        written.write(number, &attempt);
                        open.push((number, attempt));
                    }
                    4..7 => {
                        revision += 1;
                        for (number, attempt) in open.drain(..rng.usize(..=open.len())) {
                            written.commit(number, &attempt, revision);
                            for (key, own) in attempt.writes.rows() {
                                let is_put = matches!(own, Own::Put(_));
                                stored.insert(key.to_vec(), (number, revision, is_put));
                            }
                        }
                    }
                    _ => {
                        open.retain(|_| rng.bool());
                        written.forget_open();
                        open.iter().for_each(|(number, attempt)| written.write(*number, attempt));
                    }
                }
                if rng.bool() {
                    check(&written, &stored, &open, rng.u8(..6));
                }
            }
        }
    }

    #[test]
    fn what_was_committed_lately_is_remembered() {
        let mut written = WrittenKeys::default();
        // The first one again, and then one more than are remembered.
        let most = u8::try_from(REMEMBERED_KEYS).expect("few");
        for (number, n) in (1..).zip((0..most).chain([0, most])) {
            let mut writes = WriteSet::default();
            writes.put(key(n), NewRow::unindexed(Vec::new()));
            let attempt = Attempt::of(ReadSet::default(), writes);
            written.write(number, &attempt);
            written.commit(number, &attempt, number.cast_signed());
        }
        let known = (0..=most).filter(|n| written.get(&key(*n)).is_some());
        assert_eq!(known.collect::<Vec<_>>(), [0, 2, 3, most]);
    }

    #[test]
    fn debug_does_not_show_values() {
        let (mut written, mut writes) = (WrittenKeys::default(), WriteSet::default());
        writes.put(key(1), NewRow::unindexed(vec![211, 212]));
        written.write(1, &Attempt::of(ReadSet::default(), writes));
        let shown = format!("{written:?}");
        assert!(shown.contains("Put(2 bytes, lease 0)") && !shown.contains("211"), "{shown}");
    }

    #[test]
    fn keys_are_not_kept_in_order_for_nobody() {
        let (mut rng, mut written) = (Rng::with_seed(7), WrittenKeys::default());
        let all = Bounds::new(key(0), key(KEYS));
        assert_eq!(written.within(&all).count(), 0);
        let attempts: Vec<Attempt> = (1..20).map(|number| any_attempt(number, &mut rng)).collect();
        (1..).zip(&attempts).for_each(|(number, attempt)| written.write(number, attempt));
        assert!(written.sorted.get().is_none());
        assert_eq!(written.within(&all).count(), written.keys.len());
    }
}
