//! From a snapshot, as `etcdctl snapshot save` writes it, to a store.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use redb::Database;
use sha2::{Digest, Sha256};

use crate::file::{self, Unfinished};
use crate::open_error::OpenError;
use crate::storage::error::{StorageError, damaged};
use crate::storage::meta;

/// The SHA-256 at the end of a snapshot.
const HASH: u64 = 32;

/// Makes a store in `directory`, where there is none yet.
pub(crate) fn restore(snapshot: &Path, directory: &Path) -> Result<(), OpenError> {
    fs::create_dir_all(directory).map_err(|error| OpenError::directory(directory, error))?;
    let path = directory.join(file::NAME);
    if path.exists() {
        return Err(OpenError::exists(&path));
    }
    let unfinished = Unfinished::beside(&path);
    copy(snapshot, unfinished.path()).map_err(|error| OpenError::storage(snapshot, error))?;
    let database =
        file::open_whole(unfinished.path()).map_err(|error| OpenError::storage(snapshot, error))?;
    rename(database).map_err(|error| OpenError::storage(snapshot, error))?;
    unfinished.create(&path)
}

/// Copies what is before the hash, which must be that of it.
fn copy(snapshot: &Path, to: &Path) -> Result<(), StorageError> {
    let mut from = File::open(snapshot)?;
    let length = from.metadata()?.len();
    let mut left = length.checked_sub(HASH).ok_or_else(|| damaged("a snapshot ends with its hash"))?;
    let mut to = File::create_new(to)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1024 * 1024];
    while left > 0 {
        let size = usize::try_from(left).map_or(piece.len(), |left| left.min(piece.len()));
        let piece = &mut piece[..size];
        from.read_exact(piece)?;
        hash.update(&*piece);
        to.write_all(piece)?;
        left -= size as u64;
    }
    let mut said = [0; HASH as usize];
    from.read_exact(&mut said)?;
    if said[..] != hash.finalize()[..] {
        return Err(damaged("the snapshot's hash is that of other contents"));
    }
    to.sync_all()?;
    Ok(())
}

/// Gives a restored store another cluster id: it may be behind what its clients have seen, and they must
/// not take it for the store that they know.
fn rename(database: Database) -> Result<(), StorageError> {
    let transaction = database.begin_write()?;
    meta::write_cluster(&transaction, fastrand::u64(1..))?;
    transaction.commit()?;
    Ok(database.close()?)
}
