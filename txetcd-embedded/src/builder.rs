//! [`Builder`]: opening a store with settings of its own.

use std::path::Path;

use crate::engine::WriterHome;
use crate::kv::check::MAX_MESSAGE;
use crate::open_error::OpenError;
use crate::store::Store;

/// What is kept of the past unless the builder says otherwise.
const KEPT_REVISIONS: u64 = 10_000;

/// Settings of a store, from [`Store::builder`].
///
/// ```
/// use txetcd_embedded::Store;
///
/// let store = Store::builder().keep_revisions(100_000).memory()?;
/// # drop(store);
/// # Ok::<(), txetcd_embedded::OpenError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Builder {
    pub(crate) kept_revisions: Option<u64>,
    pub(crate) watch_message_bytes: usize,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self { kept_revisions: Some(KEPT_REVISIONS), watch_message_bytes: MAX_MESSAGE }
    }

    /// Keeps at least this many of the newest revisions readable; 10,000 if nothing is said. Older ones
    /// are compacted on the way, except those of the last ten seconds.
    #[must_use]
    pub fn keep_revisions(mut self, revisions: u64) -> Self {
        self.kept_revisions = Some(revisions);
        self
    }

    /// Keeps every revision until a client compacts. The store grows with every write.
    #[must_use]
    pub fn keep_all_revisions(mut self) -> Self {
        self.kept_revisions = None;
        self
    }

    /// Cuts the messages of watches at so many bytes where clients let them be cut. For simulations; not part of the
    /// interface.
    #[doc(hidden)]
    #[must_use]
    pub fn watch_message_bytes(mut self, bytes: usize) -> Self {
        self.watch_message_bytes = bytes;
        self
    }

    /// Opens the store in `directory`, as [`Store::open`] does.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open(&self, directory: impl AsRef<Path>) -> Result<Store, OpenError> {
        Store::open_file(directory.as_ref(), self)
    }

    /// Opens an empty store in memory, as [`Store::memory`] does.
    ///
    /// # Errors
    /// As [`Store::memory`].
    pub fn memory(&self) -> Result<Store, OpenError> {
        Store::open_memory(self, WriterHome::Thread)
    }

    /// As [`memory`](Self::memory), with a task of the current tokio runtime for a writer instead of a thread. So on
    /// a runtime of one thread, the paused clock of which it follows, the store does the same every time it is asked the same; the ids that it gives out are
    /// drawn with `fastrand`, whose seed is the thread's. For simulations; not part of the interface.
    ///
    /// # Errors
    /// As [`Store::memory`], and outside of a runtime.
    #[doc(hidden)]
    pub fn memory_on_runtime(&self) -> Result<Store, OpenError> {
        Store::open_memory(self, WriterHome::Runtime)
    }

    /// Opens the store on `backend`, or makes one there if it is empty. For tests that let a storage fail;
    /// not part of the interface.
    ///
    /// # Errors
    /// As [`Store::open`].
    #[doc(hidden)]
    pub fn backend(&self, backend: impl redb::StorageBackend) -> Result<Store, OpenError> {
        Store::open_backend(backend, self)
    }
}
