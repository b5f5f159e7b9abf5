//! Counting keys without visiting them: etcd counts a whole range in every answer, however few keys the
//! answer holds, so a reader of pages would pay for the whole table with each page.
//!
//! The keys are divided into buckets. `counts` holds, at the first possible key of each bucket, how many
//! keys are live from there up to the next one. The first bucket begins at the empty key, and always exists
//! once there was a key.

use std::collections::HashMap;
use std::ops::Bound;

use redb::{ReadableTable, Table};

use super::error::{StorageError, damaged};
use super::read;
use super::record::{Change, Kind};
use super::tables::Tables;
use crate::key_range::{KeyBounds, KeyRange};

/// A bucket that grows beyond this is split in two.
const FULL: u64 = 512;
/// A bucket that shrinks below this melts into the one before, where that has room.
const SPARSE: u64 = 64;

/// So many changes are walked through to count in the past however few keys there are.
const NEAR: i64 = 1024;

/// Counts the keys of a range that existed at `revision`.
pub(crate) fn keys(tables: &impl Tables, keys: KeyRange<'_>, revision: i64) -> Result<i64, StorageError> {
    if matches!(keys, KeyRange::Key(_)) {
        return visit(tables, keys, revision);
    }
    let Some(bounds) = keys.bounds() else { return Ok(0) };
    if revision >= tables.revision() {
        return newest(tables, bounds);
    }
    // Walking through a change is no dearer than visiting a key.
    let now = newest(tables, bounds)?;
    match since(tables, keys, revision, now.max(NEAR))? {
        Some(gone) => Ok(now + gone),
        None => visit(tables, keys, revision),
    }
}

/// Notes that `key` became live, as it already is in `live`.
pub(crate) fn add(
    counts: &mut Table<'_, &'static [u8], u64>,
    live: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<(), StorageError> {
    let (start, count) = bucket(counts, key)?.unwrap_or_default();
    let count = count + 1;
    if count <= FULL {
        counts.insert(start.as_slice(), count)?;
        return Ok(());
    }
    let half = usize::try_from(count / 2).unwrap_or(usize::MAX);
    let middle = live.range::<&[u8]>((Bound::Included(start.as_slice()), Bound::Unbounded))?.nth(half);
    let (middle, _) = middle.ok_or_else(|| damaged("a bucket counts more keys than there are"))??;
    counts.insert(start.as_slice(), count / 2)?;
    counts.insert(middle.value(), count - count / 2)?;
    Ok(())
}

/// Notes that `key` is no longer live.
pub(crate) fn remove(counts: &mut Table<'_, &'static [u8], u64>, key: &[u8]) -> Result<(), StorageError> {
    let (start, count) = bucket(counts, key)?.unwrap_or_default();
    let count = count.checked_sub(1).ok_or_else(|| damaged("a bucket counts fewer keys than there are"))?;
    if count < SPARSE {
        let before = (Bound::Unbounded, Bound::Excluded(start.as_slice()));
        let before = last(counts, before)?.filter(|(_, before)| before + count <= FULL / 2);
        if let Some((before, counted)) = before {
            counts.remove(start.as_slice())?;
            counts.insert(before.as_slice(), counted + count)?;
            return Ok(());
        }
    }
    counts.insert(start.as_slice(), count)?;
    Ok(())
}

/// Where the bucket of `key` begins, and what it counts.
fn bucket(
    counts: &impl ReadableTable<&'static [u8], u64>,
    key: &[u8],
) -> Result<Option<(Vec<u8>, u64)>, StorageError> {
    last(counts, (Bound::Unbounded, Bound::Included(key)))
}

fn last(
    counts: &impl ReadableTable<&'static [u8], u64>,
    bounds: KeyBounds<'_>,
) -> Result<Option<(Vec<u8>, u64)>, StorageError> {
    let Some(entry) = counts.range::<&[u8]>(bounds)?.next_back() else { return Ok(None) };
    let (start, count) = entry?;
    Ok(Some((start.value().to_vec(), count.value())))
}

/// Sums the buckets that lie within the bounds, and visits the keys of those that only begin or end there.
fn newest(tables: &impl Tables, (start, end): KeyBounds<'_>) -> Result<i64, StorageError> {
    let visit = |bounds: KeyBounds<'_>| -> Result<u64, StorageError> {
        let mut count = 0;
        for entry in tables.live().range::<&[u8]>(bounds)? {
            entry?;
            count += 1;
        }
        Ok(count)
    };
    let mut total = 0;
    let mut last: Option<(Vec<u8>, u64)> = None;
    for entry in tables.counts().range::<&[u8]>((start, end))? {
        let (bucket, count) = entry?;
        total += match last {
            None => visit((start, Bound::Excluded(bucket.value())))?,
            // It ends where this one begins.
            Some((_, count)) => count,
        };
        last = Some((bucket.value().to_vec(), count.value()));
    }
    total += match (&last, end) {
        (None, _) => visit((start, end))?,
        (Some((_, count)), Bound::Unbounded) => *count,
        (Some((bucket, _)), _) => visit((Bound::Included(bucket), end))?,
    };
    Ok(i64::try_from(total).unwrap_or(i64::MAX))
}

/// How many more keys of a range existed at `revision` than do now, unless more than `most` changes were
/// made since.
fn since(
    tables: &impl Tables,
    keys: KeyRange<'_>,
    revision: i64,
    most: i64,
) -> Result<Option<i64>, StorageError> {
    // For each key that changed: whether it existed before the first change, and after the last.
    let mut changed: HashMap<Vec<u8>, (bool, bool)> = HashMap::new();
    for (walked, entry) in (0..).zip(tables.log().range((revision + 1, 0)..)?) {
        if walked == most {
            return Ok(None);
        }
        let (_, bytes) = entry?;
        let change = Change::decode(bytes.value())?;
        if keys.contains(change.key) {
            let exists = change.kind == Kind::Put;
            let entry = changed.entry(change.key.to_vec());
            entry.or_insert((change.ended.is_some(), exists)).1 = exists;
        }
    }
    let gone = changed.values().map(|&(before, after)| i64::from(before) - i64::from(after));
    Ok(Some(gone.sum()))
}

fn visit(tables: &impl Tables, keys: KeyRange<'_>, revision: i64) -> Result<i64, StorageError> {
    let mut count = 0;
    read::scan(tables, keys, revision, |_, _| {
        count += 1;
        true
    })?;
    Ok(count)
}
