//! [`Meta`]: the numbers that describe the whole store.

use redb::ReadableTable;

use super::error::{StorageError, damaged};

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
    pub(crate) fn new() -> Self {
        Self {
            cluster_id: fastrand::u64(1..),
            member_id: fastrand::u64(1..),
            revision: FIRST_REVISION,
            compacted: NEVER_COMPACTED,
        }
    }

    /// Reads a stored description; `None` where nothing was ever stored.
    pub(crate) fn read(
        table: &impl ReadableTable<&'static str, i64>,
    ) -> Result<Option<Stored>, StorageError> {
        let number = |name: &'static str| -> Result<Option<i64>, StorageError> {
            Ok(table.get(name)?.map(|guard| guard.value()))
        };
        let needed = |name: &'static str| -> Result<i64, StorageError> {
            number(name)?.ok_or_else(|| damaged(format!("the store does not say its {name}")))
        };
        let Some(format) = number("format")? else { return Ok(None) };
        if format != FORMAT {
            return Ok(Some(Stored::OtherFormat(format)));
        }
        let meta = Self {
            cluster_id: needed("cluster_id")?.cast_unsigned(),
            member_id: needed("member_id")?.cast_unsigned(),
            revision: needed("revision")?,
            compacted: needed("compacted")?,
        };
        if meta.revision < FIRST_REVISION
            || meta.compacted < NEVER_COMPACTED
            || meta.compacted > meta.revision
        {
            return Err(damaged("the store's revisions contradict each other"));
        }
        Ok(Some(Stored::Known(meta)))
    }

    /// Writes everything, for a new store.
    pub(crate) fn write(&self, table: &mut redb::Table<'_, &'static str, i64>) -> Result<(), StorageError> {
        table.insert("format", FORMAT)?;
        table.insert("cluster_id", self.cluster_id.cast_signed())?;
        table.insert("member_id", self.member_id.cast_signed())?;
        write_revisions(table, self.revision, self.compacted)
    }
}

/// Writes what a batch changes.
pub(crate) fn write_revisions(
    table: &mut redb::Table<'_, &'static str, i64>,
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
