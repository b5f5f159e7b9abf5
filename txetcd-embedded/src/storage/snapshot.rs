//! [`Snapshot`]: one committed state, open for reading.

use std::sync::Arc;

use redb::{ReadOnlyTable, ReadableDatabase, ReadableTable};

use super::error::StorageError;
use super::place::Place;
use super::tables::{COUNTS, HISTORY, LEASE_KEYS, LEASES, LIVE, LOG, Tables};

/// One committed state. Opening tables costs more than a point read, so the writer opens them once for
/// each commit and all readers share them.
pub(crate) struct Snapshot {
    live: ReadOnlyTable<&'static [u8], &'static [u8]>,
    history: ReadOnlyTable<(&'static [u8], i64), &'static [u8]>,
    log: ReadOnlyTable<(i64, u32), &'static [u8]>,
    counts: ReadOnlyTable<&'static [u8], u64>,
    leases: ReadOnlyTable<i64, (i64, i64)>,
    lease_keys: ReadOnlyTable<(i64, &'static [u8]), ()>,
    revision: i64,
    compacted: i64,
    /// Stays open while this state is read, although the store may have moved to another place.
    place: Arc<Place>,
}

impl Snapshot {
    /// Opens the newest committed state, which the caller knows to have these revisions.
    pub(crate) fn open(place: &Arc<Place>, revision: i64, compacted: i64) -> Result<Self, StorageError> {
        let transaction = place.database.begin_read()?;
        Ok(Self {
            live: transaction.open_table(LIVE)?,
            history: transaction.open_table(HISTORY)?,
            log: transaction.open_table(LOG)?,
            counts: transaction.open_table(COUNTS)?,
            leases: transaction.open_table(LEASES)?,
            lease_keys: transaction.open_table(LEASE_KEYS)?,
            revision,
            compacted,
            place: Arc::clone(place),
        })
    }

    /// Where this state is.
    pub(crate) fn place(&self) -> &Arc<Place> {
        &self.place
    }
}

impl Tables for Snapshot {
    fn live(&self) -> &impl ReadableTable<&'static [u8], &'static [u8]> {
        &self.live
    }

    fn history(&self) -> &impl ReadableTable<(&'static [u8], i64), &'static [u8]> {
        &self.history
    }

    fn log(&self) -> &impl ReadableTable<(i64, u32), &'static [u8]> {
        &self.log
    }

    fn counts(&self) -> &impl ReadableTable<&'static [u8], u64> {
        &self.counts
    }

    fn leases(&self) -> &impl ReadableTable<i64, (i64, i64)> {
        &self.leases
    }

    fn lease_keys(&self) -> &impl ReadableTable<(i64, &'static [u8]), ()> {
        &self.lease_keys
    }

    fn revision(&self) -> i64 {
        self.revision
    }

    fn compacted(&self) -> i64 {
        self.compacted
    }
}
