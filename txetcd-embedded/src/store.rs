//! [`Store`]: opening a store, and offering it as a service.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use redb::Database;
use tokio::sync::watch;
use tonic::service::Routes;

use crate::builder::Builder;
use crate::engine::{Engine, Shared};
use crate::lease::apply;
use crate::lease::clock::Clock;
use crate::open_error::OpenError;
use crate::retention::Retention;
use crate::service;
use crate::storage::batch::Batch;
use crate::storage::error::{StorageError, damaged};
use crate::storage::meta::{Meta, Stored};
use crate::storage::size::{Memory, Size};
use crate::storage::snapshot::Snapshot;
use crate::storage::tables::META;
use crate::writer::Writer;

/// The file within a store's directory.
const FILE: &str = "store.redb";

/// Pages of the file that are kept in memory at most, in bytes.
const CACHE: usize = 256 * 1024 * 1024;

/// An open store. Clones are cheap and share it.
///
/// The store closes when the last clone and the last service made from it are gone. That waits for writes
/// that were handed in, so once it is done everything is on disk and the file can be opened again.
#[derive(Clone)]
pub struct Store {
    engine: Arc<Engine>,
}

impl Store {
    /// Opens the store in `directory`, which is created if it is not there, and holds the file
    /// `store.redb`.
    ///
    /// The whole file is read and its checksums are verified, so that damage is found here and not while
    /// serving. That blocks the calling thread, as does the file's creation.
    ///
    /// # Errors
    /// If the directory or the file cannot be used, if the file is open already in this process or
    /// another, if it is damaged, or if another version of this crate wrote it in a way that this one
    /// does not know.
    pub fn open(directory: impl AsRef<Path>) -> Result<Store, OpenError> {
        Self::builder().open(directory)
    }

    /// Opens an empty store in memory. Its contents are gone with it.
    ///
    /// # Errors
    /// If the system does not let the store start its thread.
    pub fn memory() -> Result<Store, OpenError> {
        Self::builder().memory()
    }

    /// Settings to open a store with.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The store as etcd's KV, Watch, Lease, Maintenance and Cluster services, for a
    /// `tonic::transport::Server` or, within the process, for `etcd_client::Channel::Custom`.
    pub fn service(&self) -> Routes {
        service::routes(&self.engine)
    }

    pub(crate) fn open_file(directory: &Path, settings: &Builder) -> Result<Self, OpenError> {
        let path = directory.join(FILE);
        std::fs::create_dir_all(directory).map_err(|error| OpenError::directory(directory, error))?;
        let exists = path.exists();
        let database = database()
            .set_check_integrity_on_open(true)
            .create(&path)
            .map_err(|error| OpenError::storage(&path, error.into()))?;
        if !exists {
            sync_directory(directory).map_err(|error| OpenError::directory(directory, error))?;
        }
        Self::start(database, &path, Size::file(&path), settings)
    }

    pub(crate) fn open_memory(settings: &Builder) -> Result<Self, OpenError> {
        let path = Path::new("memory");
        let memory = Memory::default();
        let database = database()
            .create_with_backend(memory.clone())
            .map_err(|error| OpenError::storage(path, error.into()))?;
        Self::start(database, path, Size::Memory(memory), settings)
    }

    fn start(database: Database, path: &Path, size: Size, settings: &Builder) -> Result<Self, OpenError> {
        let meta = match describe(&database).map_err(|error| OpenError::storage(path, error))? {
            Stored::Known(meta) => meta,
            Stored::OtherFormat(format) => return Err(OpenError::format(path, format)),
        };
        let Meta { cluster_id, member_id, revision, compacted } = meta;
        let clock = Clock::default();
        let snapshot = Snapshot::open(&database, revision, compacted)
            .and_then(|snapshot| apply::restore(&snapshot, &clock).map(|()| snapshot))
            .map_err(|error| OpenError::storage(path, error))?;
        let newest = watch::Sender::new(Arc::new(snapshot));
        let shared = Shared { cluster_id, member_id, newest, clock, size, broken: OnceLock::new() };
        let retention = Retention::new(settings.kept_revisions);
        let writer = |shared| Writer { database, shared, revision, compacted, retention, sweeping: true };
        let engine = Engine::start(shared, writer).map_err(|error| OpenError::thread(path, error))?;
        Ok(Self { engine: Arc::new(engine) })
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Store").finish_non_exhaustive()
    }
}

fn database() -> redb::Builder {
    let mut database = Database::builder();
    database.set_cache_size(CACHE);
    database
}

/// Reads what the store says of itself; in a new one writes it, along with every table.
fn describe(database: &Database) -> Result<Stored, StorageError> {
    let transaction = database.begin_write()?;
    let stored = Meta::read(&transaction.open_table(META)?)?;
    if let Some(stored) = stored {
        transaction.abort()?;
        return Ok(stored);
    }
    if transaction.list_tables()?.count() > 1 {
        return Err(damaged("the file has tables, but does not say what they are"));
    }
    let meta = Meta::new();
    meta.write(&mut transaction.open_table(META)?)?;
    drop(Batch::open(&transaction, meta.revision, meta.compacted)?);
    transaction.commit()?;
    Ok(Stored::Known(meta))
}

/// Makes the name of a new file durable.
#[cfg(unix)]
fn sync_directory(directory: &Path) -> std::io::Result<()> {
    std::fs::File::open(directory)?.sync_all()
}

/// Elsewhere a directory cannot be synced, and the file's own sync covers its name.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> std::io::Result<()> {
    Ok(())
}
