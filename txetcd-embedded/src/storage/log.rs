//! Reading the log: the changes of a span of revisions, as the events that a watch delivers.

use redb::ReadableTable;

use super::error::{StorageError, damaged};
use super::read;
use super::record::{Change, Kind, Record};
use super::snapshot::Snapshot;
use super::tables::Tables;
use crate::proto::{Event, KeyValue};

/// `EventType::Delete` of the protocol; a put is the default.
const DELETE: i32 = 1;

/// Visits the changes from revision `from` up to `to`, in order, until `visit` answers false.
pub(crate) fn changes(
    snapshot: &Snapshot,
    from: i64,
    to: i64,
    mut visit: impl FnMut(i64, Change<'_>) -> Result<bool, StorageError>,
) -> Result<(), StorageError> {
    for entry in snapshot.log().range((from, 0)..=(to, u32::MAX))? {
        let (at, bytes) = entry?;
        if !visit(at.value().0, Change::decode(bytes.value())?)? {
            break;
        }
    }
    Ok(())
}

/// The event that tells of a change made at `revision`.
pub(crate) fn event(snapshot: &Snapshot, revision: i64, change: Change<'_>) -> Result<Event, StorageError> {
    let (kind, key_value) = match change.kind {
        Kind::Put => (0, put_at(snapshot, revision, change.key)?),
        Kind::Delete => {
            (DELETE, KeyValue { key: change.key.to_vec(), mod_revision: revision, ..Default::default() })
        }
    };
    Ok(Event { r#type: kind, kv: Some(key_value), prev_kv: None })
}

/// The version before `revision`, unless it can no longer be read.
pub(crate) fn previous(
    snapshot: &Snapshot,
    revision: i64,
    key: &[u8],
) -> Result<Option<KeyValue>, StorageError> {
    if revision - 1 < snapshot.compacted() {
        return Ok(None);
    }
    read::at(snapshot, key, revision - 1)
}

/// The version that a put made. It may have ended within the same revision, so it is looked up by the
/// revision that made it and not as what was current then.
fn put_at(snapshot: &Snapshot, revision: i64, key: &[u8]) -> Result<KeyValue, StorageError> {
    if let Some(version) = snapshot.live().get(key)? {
        let record = Record::decode(version.value())?;
        if record.modified == revision {
            return Ok(record.key_value(key));
        }
    }
    match snapshot.history().get((key, revision))? {
        Some(version) => Ok(Record::decode_ended(version.value())?.1.key_value(key)),
        None => Err(damaged("the log names a version that is not stored")),
    }
}
