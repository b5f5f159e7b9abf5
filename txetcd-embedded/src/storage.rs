//! What is stored and how: the tables of the `redb` file, their records, and the two views on them.
//!
//! A [`Snapshot`](snapshot::Snapshot) is one committed state, shared by all readers; a
//! [`Batch`](batch::Batch) is the state being written, owned by the writer. Both are
//! [`Tables`](tables::Tables), so everything that reads (`kv`, compares, leases) works on either.
//!
//! ```text
//! live        key                -> create, modified, version, lease, value     the newest version of a key that exists
//! history     key, modified      -> ended, then as in live                      versions that were replaced or deleted
//! log         revision, sub      -> kind, ended version, key                    one entry for each change
//! counts      key                -> number                                      live keys from here up to the next entry
//! leases      id                 -> seconds granted, milliseconds left
//! lease_keys  id, key            -> ()
//! meta        name               -> number                                      format, ids, revision, compacted
//! ```
//!
//! A version is readable at revision `r` when `modified <= r < ended`; a live one has not ended. So a
//! read of the newest state touches `live` alone, a read in the past adds `history`, and compaction
//! finds every version that ended by walking `log`, which names it.

pub(crate) mod batch;
pub(crate) mod copy;
pub(crate) mod count;
pub(crate) mod error;
pub(crate) mod log;
pub(crate) mod memory;
pub(crate) mod meta;
pub(crate) mod place;
pub(crate) mod read;
pub(crate) mod record;
pub(crate) mod snapshot;
pub(crate) mod tables;
