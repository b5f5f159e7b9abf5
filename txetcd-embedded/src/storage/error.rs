//! What can go wrong underneath: one name for all of `redb`'s errors, which convert into it.

/// An error of the storage: I/O, damage, or a transaction that could not be made.
pub(crate) use redb::Error as StorageError;

/// Reports stored bytes that this crate did not write.
pub(crate) fn damaged(what: impl Into<String>) -> StorageError {
    StorageError::Corrupted(what.into())
}
