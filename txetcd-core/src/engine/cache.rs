//! [`Cache`]: rows of the tables that are to be cached, as of one revision, and over them what this process is about to
//! write.
//!
//! ```text
//!  versions   what finished transactions of this process write: committed, but not among the rows yet, or about to be
//!  rows       everything that the store has in the cached ranges, as of one revision
//! ```
//!
//! A transaction takes both as they are at one moment, a [`CacheSnapshot`]: that is a state in which the store would be
//! if this process had been alone since the rows' revision. It may be stale, so whoever relies on it is validated by
//! the store. What is allowed among the versions, and when the rows may move on under them, is the affair of
//! [`Sequencer`](super::sequencer::Sequencer).

pub(crate) mod bytes;
pub(crate) mod feed;
pub(crate) mod ranges;
mod sorted;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use imbl::OrdSet;
use smallvec::SmallVec;
use txetcd_client::teeth::{Bug, planted};
use txetcd_client::{KeyValue, WatchEvent};

use super::bounds::{Bounds, after};
use super::conflict::{Changes, Doubt};
use super::read_set::Mark;
use bytes::Bytes;
use ranges::Ranges;
use sorted::{Keyed, Sorted};

/// After so many steps that wait, the rows go on before anything else.
const MOST_PENDING: usize = 64;

/// What a transaction of this process makes of a row.
#[derive(Clone)]
pub(crate) enum Version {
    /// Its revision is provisional.
    Put(Arc<KeyValue>),
    /// Of this key there is no row any more, says the transaction of this number.
    Deleted(Arc<(Box<[u8]>, u64)>),
}

/// What a transaction of this process makes of rows.
pub(crate) type Versions = SmallVec<[Version; 1]>;

/// The cached rows of a process. Nothing is known before they are listed.
#[derive(Default)]
pub(crate) struct Cache {
    ranges: Arc<Ranges>,
    rows: Option<Rows>,
    versions: OrdSet<Sorted<Version>>,
    /// Versions that are committed, by the revision in which they were.
    committed: BTreeMap<i64, Vec<Versions>>,
    /// A revision that the rows must have reached to be used, or they do not fit the versions.
    floor: i64,
    /// The newest one in which this process has committed to them what is no version: it belongs under later versions.
    unversioned: i64,
    /// Whether they should have reached that one to be used, so that this process sees what it has committed.
    is_waited_for: bool,
    /// What the rows have to go through next.
    pending: VecDeque<Step>,
    bytes: Bytes,
}

#[derive(Clone)]
struct Rows {
    revision: i64,
    rows: OrdSet<Sorted<Arc<KeyValue>>>,
}

/// What happens to the cached rows.
pub(crate) enum Step {
    /// What one revision changed in the cached ranges.
    Changes(i64, Vec<WatchEvent>),
    /// They are these, as of this revision.
    Replaced(i64, Vec<KeyValue>),
}

/// The cached rows and the versions over them, at one moment.
#[derive(Clone)]
pub(crate) struct CacheSnapshot {
    ranges: Arc<Ranges>,
    rows: Rows,
    versions: OrdSet<Sorted<Version>>,
}

/// The beginning (or, in reverse, the end) of a range.
pub(crate) struct CachedPage {
    pub(crate) covered: Bounds,
    /// In ascending order.
    pub(crate) rows: Vec<Arc<KeyValue>>,
    pub(crate) marks: BTreeMap<Vec<u8>, Mark>,
}

impl Cache {
    /// Caches these ranges from now on, once they are listed.
    pub(crate) fn restart(&mut self, ranges: Arc<Ranges>) {
        self.ranges = ranges;
        self.rows = None;
        self.pending.clear();
        self.bytes = Bytes::default();
    }

    /// How much is cached.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    pub(crate) fn covers(&self, key: &[u8]) -> bool {
        self.ranges.covers(key)
    }

    /// The revision of the rows, if they are known.
    pub(crate) fn revision(&self) -> Option<i64> {
        self.rows.as_ref().map(|rows| rows.revision)
    }

    /// The revision that the rows have to reach before they can be used, if they have not.
    pub(crate) fn lacks(&self) -> Option<i64> {
        let needed = if self.is_waited_for { self.floor.max(self.unversioned) } else { self.floor };
        self.revision().filter(|revision| *revision < needed).map(|_| needed)
    }

    /// The rows and versions as they are now, if they can be used.
    pub(crate) fn snapshot(&self) -> Option<CacheSnapshot> {
        let rows = self.rows.clone().filter(|_| self.lacks().is_none())?;
        Some(CacheSnapshot { ranges: self.ranges.clone(), rows, versions: self.versions.clone() })
    }

    /// The revision that the rows have to reach before they have all that this process has committed, if they have not.
    pub(crate) fn is_behind(&self) -> Option<i64> {
        self.committed.last_key_value().map(|(newest, _)| *newest).max(self.lacks())
    }

    /// The rows as they are now, if they can be used and have all that this process has committed.
    pub(crate) fn committed_rows(&self) -> Option<CacheSnapshot> {
        let snapshot = self.snapshot().filter(|_| self.committed.is_empty())?;
        Some(CacheSnapshot { versions: OrdSet::new(), ..snapshot })
    }

    /// Whether a key is there, as far as the rows and versions say; `None` if they do not.
    pub(crate) fn has(&self, key: &[u8]) -> Option<bool> {
        let rows = self.rows.as_ref().filter(|_| self.covers(key))?;
        Some(match self.versions.get(key) {
            Some(Sorted(version)) => version.row().is_some(),
            None => rows.get(key).is_some(),
        })
    }

    /// The revision at which a key stands among the rows; 0 if it is not there.
    pub(crate) fn mod_revision(&self, key: &[u8]) -> Option<i64> {
        let rows = self.rows.as_ref().filter(|_| self.covers(key))?;
        Some(rows.get(key).map_or(0, |kv| kv.mod_revision()))
    }

    /// Whether the rows, if they are known, and the versions have these changes.
    pub(crate) fn has_all(&self, changes: &Changes) -> bool {
        let Some(revision) = self.revision() else { return true };
        let is_gone = |key: &Vec<u8>| self.has(key) != Some(true);
        let has_changed =
            |doubt: &Doubt| revision >= doubt.since && self.mod_revision(&doubt.key) != Some(doubt.was);
        revision >= changes.as_of
            || revision >= changes.written
                && changes.deleted.iter().all(is_gone)
                && changes.doubtful.iter().all(|doubtful| doubtful.iter().any(has_changed))
    }

    /// Adds what a transaction is about to write.
    pub(crate) fn add(&mut self, versions: &Versions) {
        for version in versions.iter() {
            self.versions.insert(Sorted(version.clone()));
        }
    }

    /// What was added has been committed.
    pub(crate) fn commit(&mut self, versions: Versions, revision: i64) {
        if self.revision().is_some_and(|rows| rows >= revision) {
            self.retire(&versions);
        } else {
            self.committed.entry(revision).or_default().push(versions);
        }
    }

    /// The versions that were committed in this revision, which the rows have not reached.
    pub(crate) fn committed_in(&self, revision: i64) -> impl Iterator<Item = &Version> {
        self.committed.get(&revision).into_iter().flatten().flat_map(|versions| versions.iter())
    }

    /// Forgets all versions that are not committed.
    pub(crate) fn forget_uncommitted(&mut self) {
        self.versions = OrdSet::new();
        let committed = std::mem::take(&mut self.committed);
        committed.values().flatten().for_each(|versions| self.add(versions));
        self.committed = committed;
    }

    /// Forgets all versions. The rows cannot be used before they have those that are committed.
    pub(crate) fn forget(&mut self) {
        self.versions = OrdSet::new();
        if let Some((newest, _)) = std::mem::take(&mut self.committed).pop_last() {
            self.require(newest);
        }
    }

    /// The rows cannot be used before they have reached this revision: on the way there they do not fit the versions.
    pub(crate) fn require(&mut self, revision: i64) {
        self.floor = self.floor.max(revision);
    }

    /// The rows should not be used before they have reached this revision: this process has written to them what is no
    /// version.
    pub(crate) fn wait_for(&mut self, revision: i64) {
        self.unversioned = self.unversioned.max(revision);
        self.is_waited_for = true;
    }

    /// Waits no longer for what this process has written: perhaps it has changed nothing.
    pub(crate) fn stop_waiting(&mut self) {
        self.is_waited_for = false;
    }

    /// Whether versions can lie over the rows: they must not keep them from going on for long, and the rows must have what
    /// came before.
    pub(crate) fn takes_versions(&self) -> bool {
        let is_replaced = matches!(self.pending.front(), Some(Step::Replaced(..)));
        let unversioned = if planted(Bug::UnseenComesFirst) { 0 } else { self.unversioned };
        let has_all = self.revision().is_some_and(|revision| revision >= unversioned);
        has_all && !is_replaced && self.pending.len() < MOST_PENDING
    }

    pub(crate) fn push(&mut self, step: Step) {
        self.pending.push_back(step);
    }

    /// What the rows have to go through next.
    pub(crate) fn next(&self) -> Option<&Step> {
        self.pending.front()
    }

    /// Lets the rows go through the next step.
    pub(crate) fn advance(&mut self) {
        match self.pending.pop_front() {
            Some(Step::Changes(revision, events)) => {
                let Some(rows) = self.rows.as_mut().filter(|rows| rows.revision < revision) else { return };
                for event in events {
                    let before = match event {
                        WatchEvent::Put { kv, .. } => {
                            self.bytes.add(&kv);
                            rows.rows.insert(Sorted(Arc::new(kv)))
                        }
                        WatchEvent::Delete { kv, .. } => rows.rows.remove(kv.key()),
                    };
                    before.iter().for_each(|Sorted(kv)| self.bytes.remove(kv));
                }
                rows.revision = revision;
            }
            Some(Step::Replaced(revision, rows)) => {
                self.bytes = Bytes::default();
                rows.iter().for_each(|kv| self.bytes.add(kv));
                let rows = rows.into_iter().map(|kv| Sorted(Arc::new(kv))).collect();
                self.rows = Some(Rows { revision, rows });
            }
            None => return,
        }
        let revision = self.revision().unwrap_or(0);
        let later = self.committed.split_off(&(revision + 1));
        let passed = std::mem::replace(&mut self.committed, later);
        passed.values().flatten().for_each(|versions| self.retire(versions));
    }

    /// The rows have these versions.
    fn retire(&mut self, versions: &Versions) {
        for version in versions.iter() {
            let newest = self.versions.get(version.key());
            if newest.is_some_and(|Sorted(newest)| newest.number() == version.number()) {
                self.versions.remove(version.key());
            }
        }
    }
}

impl Rows {
    fn get(&self, key: &[u8]) -> Option<&Arc<KeyValue>> {
        self.rows.get(key).map(|stored| &stored.0)
    }
}

impl CacheSnapshot {
    /// The revision of the rows.
    pub(crate) fn revision(&self) -> i64 {
        self.rows.revision
    }

    /// Whether it is more than the rows.
    pub(crate) fn has_versions(&self) -> bool {
        !self.versions.is_empty()
    }

    pub(crate) fn covers(&self, key: &[u8]) -> bool {
        self.ranges.covers(key)
    }

    pub(crate) fn covers_all(&self, bounds: &Bounds) -> bool {
        self.ranges.cover_all(bounds)
    }

    pub(crate) fn get(&self, key: &[u8]) -> (Option<Arc<KeyValue>>, Mark) {
        match self.versions.get(key) {
            Some(Sorted(version)) => (version.row().cloned(), version.mark()),
            None => {
                let row = self.rows.get(key).cloned();
                let mark = Mark::of(row.as_deref(), true);
                (row, mark)
            }
        }
    }

    /// At most so many rows at the beginning (or, in reverse, the end) of a range, and some more if they are versions.
    pub(crate) fn page(&self, bounds: &Bounds, reverse: bool, limit: usize) -> CachedPage {
        let mut covered = bounds.clone();
        let mut stored = self.rows.rows.range::<_, [u8]>(bounds.as_range());
        let mut rows = BTreeMap::new();
        while let Some(Sorted(kv)) = if reverse { stored.next_back() } else { stored.next() } {
            if rows.len() == limit {
                if reverse {
                    covered.start = after(kv.key());
                } else {
                    covered.end = kv.key().to_vec();
                }
                break;
            }
            rows.insert(kv.key(), (Some(kv), Mark::of(Some(kv), true)));
        }
        let versions = self.versions.range::<_, [u8]>(covered.as_range());
        for Sorted(version) in versions {
            rows.insert(version.key(), (version.row(), version.mark()));
        }
        CachedPage {
            rows: rows.values().filter_map(|(row, _)| row.cloned()).collect(),
            marks: rows.into_iter().map(|(key, (_, mark))| (key.to_vec(), mark)).collect(),
            covered,
        }
    }
}

impl Version {
    pub(crate) fn key(&self) -> &[u8] {
        match self {
            Self::Put(row) => row.key(),
            Self::Deleted(deletion) => &deletion.0,
        }
    }

    /// The row, if it does not delete it.
    pub(crate) fn row(&self) -> Option<&Arc<KeyValue>> {
        match self {
            Self::Put(row) => Some(row),
            Self::Deleted(_) => None,
        }
    }

    /// The number of the transaction.
    pub(crate) fn number(&self) -> u64 {
        match self {
            Self::Put(row) => {
                debug_assert!(row.mod_revision() < 0, "a version is provisional");
                row.mod_revision().unsigned_abs()
            }
            Self::Deleted(deletion) => deletion.1,
        }
    }

    fn mark(&self) -> Mark {
        match self {
            Self::Put(row) => Mark::of(Some(row), true),
            Self::Deleted(deletion) => Mark::deleted_by(deletion.1),
        }
    }
}

impl Keyed for Version {
    fn key(&self) -> &[u8] {
        self.key()
    }
}

impl Keyed for Arc<KeyValue> {
    fn key(&self) -> &[u8] {
        KeyValue::key(self)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Version").field("number", &self.number()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("revision", &self.revision())
            .field("versions", &self.versions.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CacheSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheSnapshot").field("revision", &self.revision()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::super::conflict::Doubtful;
    use super::*;

    const KEY: &[u8] = &[0, 1, 1];

    fn row(revision: i64) -> KeyValue {
        KeyValue::provisional(KEY.to_vec(), Vec::new(), 0, revision)
    }

    fn step(cache: &mut Cache, step: Step) {
        cache.push(step);
        cache.advance();
    }

    fn put(revision: i64) -> Step {
        Step::Changes(revision, vec![WatchEvent::Put { kv: row(revision), previous: None }])
    }

    #[test]
    fn what_is_in_doubt_is_told_by_rows_that_are_new_enough() {
        let mut cache = Cache::default();
        let mut ranges = Ranges::default();
        ranges.extend([Bounds::new(vec![0, 1], vec![0, 2])]);
        cache.restart(Arc::new(ranges));
        let in_doubt = |was, since| Changes {
            as_of: 100,
            doubtful: vec![Doubtful::from([Doubt { key: KEY.to_vec(), was, since }])],
            ..Changes::default()
        };
        step(&mut cache, Step::Replaced(5, vec![row(3)]));
        assert!(!cache.has_all(&in_doubt(3, 0)));
        // It was read after this process had deleted it, of which the rows do not know.
        assert!(!cache.has_all(&in_doubt(0, 7)));
        step(&mut cache, put(6));
        assert!(cache.has_all(&in_doubt(3, 0)));
        assert!(!cache.has_all(&in_doubt(0, 7)));
        let both = Changes {
            doubtful: [in_doubt(3, 0), in_doubt(0, 7)].map(|changes| changes.doubtful).concat(),
            ..in_doubt(0, 0)
        };
        assert!(!cache.has_all(&both), "one of both is in doubt");
        step(&mut cache, put(8));
        assert!(cache.has_all(&in_doubt(0, 7)) && cache.has_all(&both));
        assert!(!cache.has_all(&in_doubt(8, 0)));
        step(&mut cache, Step::Replaced(100, vec![row(8)]));
        assert!(cache.has_all(&in_doubt(8, 0)), "as of when the store refused it");
    }
}
