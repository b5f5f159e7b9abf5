//! [`Meta`]: the numbers that describe the whole store.

use redb::{Database, ReadableDatabase, Table, WriteTransaction};

use super::batch::Batch;
use super::error::{StorageError, damaged};
use super::tables::META;

/// The layout that this version of the crate reads and writes.
pub(crate) const FORMAT: i64 = 1;

/// The revision of an empty store, as etcd counts.
const FIRST_REVISION: i64 = 1;
/// Before any compaction.
const NEVER_COMPACTED: i64 = -1;

/// The store's identity and its two revisions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meta {
    pub(crate) cluster_id: u64,
    pub(crate) member_id: u64,
    pub(crate) revision: i64,
    pub(crate) compacted: i64,
}

impl Meta {
    /// Describes a new, empty store with ids of its own.
    fn new() -> Self {
        Self {
            cluster_id: fastrand::u64(1..),
            member_id: fastrand::u64(1..),
            revision: FIRST_REVISION,
            compacted: NEVER_COMPACTED,
        }
    }
}

/// Makes every table of a new store and describes it.
pub(crate) fn initialize(database: &Database) -> Result<(), StorageError> {
    let meta = Meta::new();
    let transaction = database.begin_write()?;
    describe(&transaction, meta)?;
    drop(Batch::open(&transaction, meta.revision, meta.compacted)?);
    Ok(transaction.commit()?)
}

/// Writes how a store describes itself.
pub(crate) fn describe(transaction: &WriteTransaction, meta: Meta) -> Result<(), StorageError> {
    let mut table = transaction.open_table(META)?;
    table.insert("format", FORMAT)?;
    table.insert("cluster_id", meta.cluster_id.cast_signed())?;
    table.insert("member_id", meta.member_id.cast_signed())?;
    write_revisions(&mut table, meta.revision, meta.compacted)
}

/// Makes a store part of another cluster.
pub(crate) fn write_cluster(transaction: &WriteTransaction, id: u64) -> Result<(), StorageError> {
    transaction.open_table(META)?.insert("cluster_id", id.cast_signed())?;
    Ok(())
}

/// Reads how a store describes itself.
pub(crate) fn read(database: &Database) -> Result<Stored, StorageError> {
    let table = database.begin_read()?.open_table(META)?;
    let number = |name: &'static str| -> Result<i64, StorageError> {
        let stored = table.get(name)?.map(|guard| guard.value());
        stored.ok_or_else(|| damaged(format!("the store does not say its {name}")))
    };
    let format = number("format")?;
    if format != FORMAT {
        return Ok(Stored::OtherFormat(format));
    }
    let meta = Meta {
        cluster_id: number("cluster_id")?.cast_unsigned(),
        member_id: number("member_id")?.cast_unsigned(),
        revision: number("revision")?,
        compacted: number("compacted")?,
    };
    if meta.revision < FIRST_REVISION || meta.compacted < NEVER_COMPACTED || meta.compacted > meta.revision {
        return Err(damaged("the store's revisions contradict each other"));
    }
    Ok(Stored::Known(meta))
}

/// Writes what a batch changes.
pub(crate) fn write_revisions(
    table: &mut Table<'_, &'static str, i64>,
    revision: i64,
    compacted: i64,
) -> Result<(), StorageError> {
    table.insert("revision", revision)?;
    table.insert("compacted", compacted)?;
    Ok(())
}

/// What a stored description turned out to be.
pub(crate) enum Stored {
    Known(Meta),
    /// Written by another version of this crate.
    OtherFormat(i64),
}
