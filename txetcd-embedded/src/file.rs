//! The file of a store: creating it so that it is there whole or not at all, and opening it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use redb::{Builder, Database};

use crate::open_error::OpenError;
use crate::storage::meta;

/// The file within a store's directory.
const NAME: &str = "store.redb";

/// What a file is called while it is being made, before something that no other attempt uses.
const UNFINISHED: &str = "store.redb.new-";

/// Pages that are kept in memory at most, in bytes.
const CACHE: usize = 256 * 1024 * 1024;

/// Opens the store's file in `directory`, both of which are created if they are not there.
pub(crate) fn open(directory: &Path) -> Result<(Database, PathBuf), OpenError> {
    let path = directory.join(NAME);
    fs::create_dir_all(directory).map_err(|error| OpenError::directory(directory, error))?;
    if !path.exists() {
        create(directory, &path)?;
    }
    let database = settings()
        .set_check_integrity_on_open(true)
        .open(&path)
        .map_err(|error| OpenError::storage(&path, error.into()))?;
    remove_unfinished(directory);
    Ok((database, path))
}

/// Settings of the database that do not depend on where it is.
pub(crate) fn settings() -> Builder {
    let mut settings = Database::builder();
    settings.set_cache_size(CACHE);
    settings
}

/// Makes an empty store under another name and only then gives it its own: a process that is killed on
/// the way must not leave half a file that nobody can open. Whoever else does the same at this moment may
/// win; their file is as good.
fn create(directory: &Path, path: &Path) -> Result<(), OpenError> {
    let unfinished = directory.join(format!("{UNFINISHED}{:016x}", fastrand::u64(..)));
    let failed = |error| OpenError::storage(path, error);
    let database = settings().create(&unfinished).map_err(|error| failed(error.into()))?;
    meta::initialize(&database).map_err(failed)?;
    database.close().map_err(|error| failed(error.into()))?;
    match fs::hard_link(&unfinished, path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        // Not every file system has links; or whoever won has cleared this file away.
        Err(_) => match fs::rename(&unfinished, path) {
            Err(error) if !path.exists() => return Err(OpenError::directory(directory, error)),
            _ => {}
        },
    }
    sync(directory).map_err(|error| OpenError::directory(directory, error))
}

/// Clears away what killed processes left. It is of no use to anybody once the store is there, and it does
/// no harm where it cannot be removed.
fn remove_unfinished(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Makes the names in a directory durable.
#[cfg(unix)]
fn sync(directory: &Path) -> io::Result<()> {
    fs::File::open(directory)?.sync_all()
}

/// Elsewhere a directory cannot be synced, and the file's own sync covers its name.
#[cfg(not(unix))]
fn sync(_: &Path) -> io::Result<()> {
    Ok(())
}
