//! [`Store`]: opening a store, and offering it as a service.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use tonic::service::Routes;

use crate::builder::Builder;
use crate::engine::{Engine, Shared, WriterHome};
use crate::file;
use crate::lease::apply;
use crate::lease::clock::Clock;
use crate::newest::Newest;
use crate::open_error::OpenError;
use crate::restore;
use crate::retention::Retention;
use crate::service;
use crate::storage::memory::Memory;
use crate::storage::meta::{self, Meta, Stored};
use crate::storage::place::{Location, Place};
use crate::storage::snapshot::Snapshot;
use crate::writer::Writer;

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

    /// Makes a store in `directory` of the file `snapshot`, which `etcdctl snapshot save` or another client
    /// took of an embedded store. The new store has everything of that moment, its history included, and a
    /// cluster id of its own, so that clients which saw later revisions do not take it for the same store.
    ///
    /// # Errors
    /// If a store is there already, if the snapshot is damaged or was taken of something else, or if a file
    /// cannot be read or written.
    pub fn restore(snapshot: impl AsRef<Path>, directory: impl AsRef<Path>) -> Result<(), OpenError> {
        restore::restore(snapshot.as_ref(), directory.as_ref())
    }

    /// Settings to open a store with.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// The store as etcd's KV, Watch, Lease, Maintenance and Cluster services, for a
    /// `tonic::transport::Server` or, within the process, for `etcd_client::Channel::Custom`.
    pub fn service(&self) -> Routes {
        service::routes(&self.engine, None)
    }

    /// The same for clients who reach it at `url`.
    pub(crate) fn service_at(&self, url: String) -> Routes {
        service::routes(&self.engine, Some(url))
    }

    pub(crate) fn open_file(directory: &Path, settings: &Builder) -> Result<Self, OpenError> {
        let (database, path) = file::open(directory)?;
        let place = Place { database, location: Location::File(path.clone()) };
        Self::start(place, &path, settings, WriterHome::Thread)
    }

    pub(crate) fn open_memory(settings: &Builder, home: WriterHome) -> Result<Self, OpenError> {
        let path = Path::new("memory");
        let memory = Memory::default();
        let failed = |error| OpenError::storage(path, error);
        let database =
            file::settings().create_with_backend(memory.clone()).map_err(|error| failed(error.into()))?;
        meta::initialize(&database).map_err(failed)?;
        Self::start(Place { database, location: Location::Memory(memory) }, path, settings, home)
    }

    pub(crate) fn open_backend(
        backend: impl redb::StorageBackend,
        settings: &Builder,
    ) -> Result<Self, OpenError> {
        let path = Path::new("backend");
        let failed = |error| OpenError::storage(path, error);
        let empty = backend.len().map_err(|error| failed(error.into()))? == 0;
        let database = file::settings()
            .set_check_integrity_on_open(true)
            .create_with_backend(backend)
            .map_err(|error| failed(error.into()))?;
        if empty {
            meta::initialize(&database).map_err(failed)?;
        }
        Self::start(Place { database, location: Location::Backend }, path, settings, WriterHome::Thread)
    }

    fn start(place: Place, path: &Path, settings: &Builder, home: WriterHome) -> Result<Self, OpenError> {
        let meta = match meta::read(&place.database).map_err(|error| OpenError::storage(path, error))? {
            Stored::Known(meta) => meta,
            Stored::OtherFormat(format) => return Err(OpenError::format(path, format)),
        };
        let Meta { cluster_id, member_id, revision, compacted } = meta;
        let clock = Clock::default();
        let place = Arc::new(place);
        let snapshot = Snapshot::open(&place, revision, compacted)
            .and_then(|snapshot| apply::restore(&snapshot, &clock).map(|()| snapshot))
            .map_err(|error| OpenError::storage(path, error))?;
        let newest = Newest::new(snapshot);
        let watch_message_bytes = settings.watch_message_bytes;
        let broken = OnceLock::new();
        let shared = Shared { cluster_id, member_id, newest, clock, watch_message_bytes, broken };
        let retention = Retention::new(settings.kept_revisions);
        let writer =
            |shared| Writer { place, shared, revision, compacted, retention, sweeping: true, commits: 0 };
        let engine = Engine::start(shared, writer, home).map_err(|error| OpenError::thread(path, error))?;
        Ok(Self { engine: Arc::new(engine) })
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Store").finish_non_exhaustive()
    }
}
