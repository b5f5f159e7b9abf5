//! Reading versions: one key, or a range of keys in order, at any revision that is not compacted.

use std::cmp::Ordering;
use std::ops::Bound;

use redb::ReadableTable;

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
    let mut ended = EndedVersions::new(tables.history(), bounds, revision);
    let mut next_ended = ended.next()?;
    for entry in tables.live().range::<&[u8]>(bounds)? {
        let (key, version) = entry?;
        let record = Record::decode(version.value())?;
        if record.modified > revision {
            continue;
        }
        while let Some((earlier, bytes)) = &next_ended {
            if earlier.as_slice().cmp(key.value()) != Ordering::Less {
                break;
            }
            if !visit(earlier, Record::decode_ended(bytes)?.1) {
                return Ok(());
            }
            next_ended = ended.next()?;
        }
        if !visit(key.value(), record) {
            return Ok(());
        }
    }
    while let Some((key, bytes)) = &next_ended {
        if !visit(key, Record::decode_ended(bytes)?.1) {
            break;
        }
        next_ended = ended.next()?;
    }
    Ok(())
}

/// A key, and its encoded version.
type Ended = (Vec<u8>, Vec<u8>);

/// The ended versions that were current at one revision, in the order of keys.
struct EndedVersions<'a, T> {
    history: &'a T,
    end: Bound<&'a [u8]>,
    revision: i64,
    /// Where the next look into the table begins.
    from: Bound<(Vec<u8>, i64)>,
}

impl<'a, T: ReadableTable<(&'static [u8], i64), &'static [u8]>> EndedVersions<'a, T> {
    fn new(history: &'a T, (start, end): KeyBounds<'a>, revision: i64) -> Self {
        let from = match start {
            Bound::Included(key) | Bound::Excluded(key) => Bound::Included((key.to_vec(), 0)),
            Bound::Unbounded => Bound::Unbounded,
        };
        Self { history, end, revision, from }
    }

    /// The next one.
    fn next(&mut self) -> Result<Option<Ended>, StorageError> {
        loop {
            let end = match self.end {
                Bound::Included(key) => Bound::Included((key, i64::MAX)),
                Bound::Excluded(key) => Bound::Excluded((key, 0)),
                Bound::Unbounded => Bound::Unbounded,
            };
            let from = borrowed(&self.from);
            let mut passed = 0;
            let mut seek = None;
            for entry in self.history.range::<(&[u8], i64)>((from, end))? {
                let (at, bytes) = entry?;
                let (key, modified) = at.value();
                if modified > self.revision {
                    // Everything further on this key is newer still.
                    passed += 1;
                    if passed > STEPS_BEFORE_SEEK {
                        seek = Some(Bound::Excluded((key.to_vec(), i64::MAX)));
                        break;
                    }
                    continue;
                }
                let (ended, _) = Record::decode_ended(bytes.value())?;
                if self.revision < ended {
                    let found = (key.to_vec(), bytes.value().to_vec());
                    self.from = Bound::Excluded((key.to_vec(), i64::MAX));
                    return Ok(Some(found));
                }
                passed += 1;
                if passed > STEPS_BEFORE_SEEK {
                    // The version that answers, if any, is the last one not newer than `revision`.
                    let earlier = (Bound::Included((key, modified)), Bound::Included((key, self.revision)));
                    let last = self.history.range::<(&[u8], i64)>(earlier)?.next_back();
                    let last = last.transpose()?.map_or(modified, |(at, _)| at.value().1);
                    seek = Some(match last.cmp(&modified) {
                        Ordering::Greater => Bound::Included((key.to_vec(), last)),
                        _ => Bound::Excluded((key.to_vec(), i64::MAX)),
                    });
                    break;
                }
            }
            match seek {
                Some(from) => self.from = from,
                None => return Ok(None),
            }
        }
    }
}

fn borrowed(bound: &Bound<(Vec<u8>, i64)>) -> Bound<(&[u8], i64)> {
    match bound {
        Bound::Included((key, revision)) => Bound::Included((key.as_slice(), *revision)),
        Bound::Excluded((key, revision)) => Bound::Excluded((key.as_slice(), *revision)),
        Bound::Unbounded => Bound::Unbounded,
    }
}
