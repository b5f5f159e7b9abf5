//! [`Live`]: the rows of a table in memory, kept up to date.
//!
//! ```text
//! Live -> content   rows and their revision, changed by whole revisions
//!      -> keeper    the task that follows the table; it ends with the last clone of the view
//! ```

mod by_key;
mod content;
mod iter;
mod keeper;

use std::fmt;
use std::ops::RangeBounds;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use txetcd_client::Result;

use super::rows::Rows;
use super::watch::Stored;
use crate::database::Database;
use crate::engine::bounds::Bounds;
use crate::key::{KeyLike, KeyPrefix};
use keeper::{Keeper, Shared};

pub use iter::LiveIter;

/// The rows of a table in memory: coherent, and as new as the store tells. Clones share it.
///
/// Reading sends nothing. What is read at once is of one revision, and revisions are applied whole and in their order, so
/// that a reader never sees half of a transaction. The view lags behind the store by the way of a message; a
/// transaction that has to be right reads through [`Database::write`]. See [`wait_for`](Live::wait_for) for reading one's
/// own writes.
///
/// It keeps all rows of the table. After lost connections and compactions it recovers by itself; until then it shows what
/// it had. Reads return an error only for a row that cannot be decoded, or once the view has failed for good: the user may
/// not read the table, or it is another store.
pub struct Live<T: Stored> {
    rows: Rows<T::Key, T::Value>,
    shared: Arc<Shared<T::Value>>,
    keeper: Arc<Keeper>,
    /// The changes that `changed` has told of.
    seen: AtomicU64,
}

impl<T: Stored> Live<T> {
    pub(crate) async fn open(database: &Database, rows: Rows<T::Key, T::Value>) -> Result<Self> {
        let shared = Arc::new(Shared::new(rows.bounds()));
        let keeper = Arc::new(Keeper::start(database.client(), rows, &shared).await?);
        let seen = shared.ready().await?;
        Ok(Self { rows, shared, keeper, seen: seen.into() })
    }

    /// The row with this key.
    ///
    /// # Errors
    /// [`is_decode`](txetcd_client::Error::is_decode) if the stored row cannot be decoded; the view's own, once it has
    /// failed.
    pub fn get<Q: KeyLike<T::Key> + ?Sized>(&self, key: &Q) -> Result<Option<Arc<T::Value>>> {
        let key = self.rows.key(key)?;
        self.shared.read()?.get(&key).transpose()
    }

    /// All rows with their keys, in the order of the keys, as of one revision. Changes that come meanwhile do not show.
    pub fn iter(&self) -> LiveIter<T> {
        LiveIter::new(
            self.rows,
            self.shared.read().map(|content| content.ordered().clone()),
            self.rows.bounds(),
        )
    }

    /// As [`iter`](Self::iter), for keys in a range: `a..b`, `a..=b`, `a..`, `..b`.
    pub fn range<Q: KeyLike<T::Key>>(&self, range: impl RangeBounds<Q>) -> LiveIter<T> {
        self.within(self.rows.range_bounds(&range))
    }

    /// As [`iter`](Self::iter), for keys that begin so.
    pub fn prefix(&self, prefix: impl KeyPrefix<T::Key>) -> LiveIter<T> {
        self.within(self.rows.prefix_bounds(&prefix))
    }

    fn within(&self, bounds: Result<Bounds>) -> LiveIter<T> {
        let (found, bounds) = match bounds {
            Ok(bounds) => (self.shared.read().map(|content| content.ordered().clone()), bounds),
            Err(error) => (Err(error), self.rows.bounds()),
        };
        LiveIter::new(self.rows, found, bounds)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.shared.content().len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The revision that the view shows.
    pub fn revision(&self) -> i64 {
        self.shared.content().revision
    }

    /// Whether the store is telling of changes at this moment. If not, the connection is lost or history is being read
    /// anew, and the view lags behind.
    pub fn is_current(&self) -> bool {
        self.keeper.is_current()
    }

    /// Waits until the view shows this revision, or a later one: after a commit, the one that it returned. Where nothing
    /// was changed in the table up to that revision, the store is asked whether that is so, which costs it a look at
    /// each key of the table.
    ///
    /// # Errors
    /// The view's own, once it has failed.
    pub async fn wait_for(&self, revision: i64) -> Result<()> {
        self.shared.wait_for(revision).await
    }

    /// Waits until rows have changed since this was last called, or since the view was opened, and returns the revision
    /// that the view shows then. Each clone counts for itself.
    ///
    /// # Errors
    /// The view's own, once it has failed.
    pub async fn changed(&self) -> Result<i64> {
        let (changes, revision) = self.shared.changed_since(self.seen.load(Ordering::Acquire)).await?;
        self.seen.store(changes, Ordering::Release);
        Ok(revision)
    }
}

impl<T: Stored> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self {
            rows: self.rows,
            shared: self.shared.clone(),
            keeper: self.keeper.clone(),
            seen: self.seen.load(Ordering::Acquire).into(),
        }
    }
}

impl<T: Stored> fmt::Debug for Live<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("revision", &self.revision())
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
