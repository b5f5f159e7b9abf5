//! Reading versions: one key, or a range of keys in order, at any revision that is not compacted.

use std::ops::Bound;

use redb::{AccessGuard, Range, ReadableTable};

use super::error::StorageError;
use super::record::Record;
use super::tables::Tables;
use crate::key_range::{KeyBounds, KeyRange};
use crate::proto::KeyValue;

/// After this many versions of a key that do not answer, looking further is dearer than seeking.
const STEPS_BEFORE_SEEK: u32 = 8;

/// The version of `key` that was current at `revision`.
pub(crate) fn at(tables: &impl Tables, key: &[u8], revision: i64) -> Result<Option<KeyValue>, StorageError> {
    let mut found = None;
    point(tables, key, revision, |record| found = Some(record.key_value(key)))?;
    Ok(found)
}

/// Visits, in the order of keys, the version of every key of `keys` that was current at `revision`, until
/// `visit` answers false.
pub(crate) fn scan(
    tables: &impl Tables,
    keys: KeyRange<'_>,
    revision: i64,
    mut visit: impl FnMut(&[u8], Record<'_>) -> bool,
) -> Result<(), StorageError> {
    if let KeyRange::Key(key) = keys {
        return point(tables, key, revision, |record| {
            visit(key, record);
        });
    }
    let Some(bounds) = keys.bounds() else { return Ok(()) };
    if revision < tables.revision() {
        return scan_past(tables, bounds, revision, visit);
    }
    for entry in tables.live().range::<&[u8]>(bounds)? {
        let (key, version) = entry?;
        if !visit(key.value(), Record::decode(version.value())?) {
            break;
        }
    }
    Ok(())
}

/// Visits the newest versions of `keys` from the last key to the first, until `visit` answers false.
pub(crate) fn scan_newest_reversed(
    tables: &impl Tables,
    keys: KeyRange<'_>,
    mut visit: impl FnMut(&[u8], Record<'_>) -> bool,
) -> Result<(), StorageError> {
    let Some(bounds) = keys.bounds() else { return Ok(()) };
    for entry in tables.live().range::<&[u8]>(bounds)?.rev() {
        let (key, version) = entry?;
        if !visit(key.value(), Record::decode(version.value())?) {
            break;
        }
    }
    Ok(())
}

fn point(
    tables: &impl Tables,
    key: &[u8],
    revision: i64,
    visit: impl FnOnce(Record<'_>),
) -> Result<(), StorageError> {
    if let Some(version) = tables.live().get(key)? {
        let record = Record::decode(version.value())?;
        if record.modified <= revision {
            visit(record);
            return Ok(());
        }
    }
    if revision < tables.revision() {
        let earlier = (Bound::Included((key, 0)), Bound::Included((key, revision)));
        if let Some(entry) = tables.history().range::<(&[u8], i64)>(earlier)?.next_back() {
            let (_, version) = entry?;
            let (ended, record) = Record::decode_ended(version.value())?;
            if revision < ended {
                visit(record);
            }
        }
    }
    Ok(())
}

/// Merges what is still live with what has ended since. No key is in both: a version that ended after
/// `revision` was followed by one that is newer than `revision`.
fn scan_past(
    tables: &impl Tables,
    bounds: KeyBounds<'_>,
    revision: i64,
    mut visit: impl FnMut(&[u8], Record<'_>) -> bool,
) -> Result<(), StorageError> {
    let mut ended = EndedVersions::new(tables.history(), bounds, revision)?;
    for entry in tables.live().range::<&[u8]>(bounds)? {
        let (key, version) = entry?;
        let record = Record::decode(version.value())?;
        if record.modified > revision {
            continue;
        }
        while let Some((earlier, bytes)) = ended.next_before(Some(key.value()))? {
            if !visit(earlier.value().0, Record::decode_ended(bytes.value())?.1) {
                return Ok(());
            }
        }
        if !visit(key.value(), record) {
            return Ok(());
        }
    }
    while let Some((key, bytes)) = ended.next_before(None)? {
        if !visit(key.value().0, Record::decode_ended(bytes.value())?.1) {
            break;
        }
    }
    Ok(())
}

/// A key with the revision that made the version, and the encoded version.
type Ended<'a> = (AccessGuard<'a, (&'static [u8], i64)>, AccessGuard<'a, &'static [u8]>);

/// The ended versions that were current at one revision, in the order of keys.
struct EndedVersions<'a, T> {
    history: &'a T,
    end: Bound<(&'a [u8], i64)>,
    revision: i64,
    entries: Range<'a, (&'static [u8], i64), &'static [u8]>,
    /// The entry that was beyond what was asked for.
    beyond: Option<Ended<'a>>,
    /// The key that was looked at last, and how many of its versions did not answer.
    key: Vec<u8>,
    passed: u32,
}

impl<'a, T: ReadableTable<(&'static [u8], i64), &'static [u8]>> EndedVersions<'a, T> {
    fn new(history: &'a T, (start, end): KeyBounds<'a>, revision: i64) -> Result<Self, StorageError> {
        let start = start.map(|key| (key, 0));
        // A key's versions come after the key with revision 0, which no version has.
        let end = end.map(|key| (key, 0));
        let entries = history.range::<(&[u8], i64)>((start, end))?;
        Ok(Self { history, end, revision, entries, beyond: None, key: Vec::new(), passed: 0 })
    }

    /// The next one whose key is before `limit`.
    fn next_before(&mut self, limit: Option<&[u8]>) -> Result<Option<Ended<'a>>, StorageError> {
        loop {
            let entry = match self.beyond.take() {
                Some(entry) => entry,
                None => match self.entries.next() {
                    Some(entry) => entry?,
                    None => return Ok(None),
                },
            };
            let (key, modified) = entry.0.value();
            if limit.is_some_and(|limit| limit <= key) {
                self.beyond = Some(entry);
                return Ok(None);
            }
            if modified <= self.revision && self.revision < Record::decode_ended(entry.1.value())?.0 {
                return Ok(Some(entry));
            }
            if self.key != key {
                self.key.clear();
                self.key.extend_from_slice(key);
                self.passed = 0;
            }
            self.passed += 1;
            if self.passed >= STEPS_BEFORE_SEEK {
                self.seek(modified)?;
            }
        }
    }

    /// Goes to the last version of the current key that is not newer than the revision, the only one that
    /// may still answer, or to the next key.
    fn seek(&mut self, modified: i64) -> Result<(), StorageError> {
        let key = self.key.as_slice();
        let mut last = modified;
        if modified < self.revision {
            let earlier = (Bound::Included((key, modified)), Bound::Included((key, self.revision)));
            if let Some(entry) = self.history.range::<(&[u8], i64)>(earlier)?.next_back() {
                last = entry?.0.value().1;
            }
        }
        let start =
            if last > modified { Bound::Included((key, last)) } else { Bound::Excluded((key, i64::MAX)) };
        self.entries = self.history.range::<(&[u8], i64)>((start, self.end))?;
        Ok(())
    }
}
