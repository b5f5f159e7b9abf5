//! The file of a store: creating it so that it is there whole or not at all, and opening it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use redb::{Builder, Database};

use crate::open_error::OpenError;
use crate::storage::error::StorageError;
use crate::storage::meta;

/// The file within a store's directory.
pub(crate) const NAME: &str = "store.redb";

/// What a file is called while it is being made, before something that no other attempt uses.
const UNFINISHED: &str = "store.redb.new-";

/// Pages that are kept in memory at most, in bytes.
const CACHE: usize = 256 * 1024 * 1024;

/// Opens the store's file in `directory`, both of which are created if they are not there.
pub(crate) fn open(directory: &Path) -> Result<(Database, PathBuf), OpenError> {
    let path = directory.join(NAME);
    fs::create_dir_all(directory).map_err(|error| OpenError::directory(directory, error))?;
    if !path.exists() {
        create(&path)?;
    }
    let database = open_whole(&path).map_err(|error| OpenError::storage(&path, error))?;
    remove_unfinished(directory);
    Ok((database, path))
}

/// Opens a file whose checksums are all right.
pub(crate) fn open_whole(path: &Path) -> Result<Database, StorageError> {
    Ok(settings().set_check_integrity_on_open(true).open(path)?)
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
fn create(path: &Path) -> Result<(), OpenError> {
    let unfinished = Unfinished::beside(path);
    let failed = |error| OpenError::storage(path, error);
    let database = settings().create(unfinished.path()).map_err(|error| failed(error.into()))?;
    meta::initialize(&database).map_err(failed)?;
    database.close().map_err(|error| failed(error.into()))?;
    unfinished.create(path)
}

/// A file that has yet to get its name. Without one it is removed when this is dropped.
pub(crate) struct Unfinished(PathBuf);

impl Unfinished {
    /// Chooses a name in the directory of `path` that no other attempt uses.
    pub(crate) fn beside(path: &Path) -> Self {
        Self(path.with_file_name(format!("{UNFINISHED}{:016x}", fastrand::u64(..))))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Gives the file its name, unless there is one of that name, and makes that durable.
    pub(crate) fn create(self, path: &Path) -> Result<(), OpenError> {
        match fs::hard_link(&self.0, path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            // Not every file system has links; or whoever won has cleared this file away.
            Err(_) => match fs::rename(&self.0, path) {
                Err(error) if !path.exists() => return Err(OpenError::directory(path, error)),
                _ => {}
            },
        }
        sync_directory_of(path).map_err(|error| OpenError::directory(path, error))
    }

    /// Gives the file its name in place of the one that has it. That is not durable yet.
    pub(crate) fn replace(self, path: &Path) -> io::Result<()> {
        fs::rename(&self.0, path)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Gone already if it was renamed, and cleared away by the next to open the store otherwise.
        let _ = fs::remove_file(&self.0);
    }
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

/// Makes the names in the directory of `path` durable.
#[cfg(unix)]
pub(crate) fn sync_directory_of(path: &Path) -> io::Result<()> {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    fs::File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

/// Elsewhere a directory cannot be synced, and the file's own sync covers its name.
#[cfg(not(unix))]
pub(crate) fn sync_directory_of(_: &Path) -> io::Result<()> {
    Ok(())
}
