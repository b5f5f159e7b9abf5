//! [`Index`]: rows found by something else than their primary key.
//!
//! What an index is made of is its [`declaration`]; its entries are kept by the engine, in the same commit as their
//! rows (`engine/view/maintenance.rs`). The state of an index is in the catalogue, and every read of an index looks
//! there first, in the same request ([`state`](crate::catalogue::state)).

mod bounds;
mod check;
pub(crate) mod declaration;
mod rebuild;
mod verify;
mod watch;

use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeBounds;

use futures_util::future::join;
use txetcd_client::Result;

pub use declaration::{IndexDeclaration, IndexKeys, IndexValue};
pub use rebuild::{Rebuild, RebuildProgress};
pub use verify::{IndexReport, Verify};
pub use watch::IndexWatch;

use crate::catalogue::state::require_ready;
use crate::database::Database;
use crate::engine::bounds::Bounds;
use crate::engine::view::View;
use crate::engine::view::entries::IndexOf;
use crate::key::{Key, KeyLike, KeyPrefix};
use crate::persist::Persist;
use crate::table::Table;
use crate::table::rows::Rows;
use crate::table::scan::Scan;
use crate::txn::Read;

/// An index in which a value has one row at most.
#[derive(Debug, Clone, Copy)]
pub enum Unique {}

/// An index in which a value has any number of rows.
#[derive(Debug, Clone, Copy)]
pub enum Many {}

/// An index of the rows of type `T`: finds them by a `K`. Made by `T::by_...()`; a value without state, to be copied
/// freely. `U` is [`Unique`] or [`Many`].
///
/// Reads see the transaction's own writes, and are protected as reads of the table are: what appears in a range that
/// was read is a conflict. A scan is in the order of the index; its rows are fetched many at a time.
///
/// Reads fail with [`Error::is_schema_mismatch`](txetcd_client::Error::is_schema_mismatch) while the index is being
/// built, which [`Table::rebuild_indexes`] does.
pub struct Index<T, K, U = Many> {
    at: usize,
    types: Types<T, K, U>,
}

type Types<T, K, U> = PhantomData<fn() -> (T, K, U)>;

impl<T, K, U> Index<T, K, U> {
    /// The index at this place of `T::INDEXES`. For generated code.
    #[doc(hidden)]
    pub const fn at(at: usize) -> Self {
        Self { at, types: PhantomData }
    }
}

impl<T: Persist, K: Key, U> Index<T, K, U> {
    /// All rows that are in the index, in its order.
    pub fn all<'t, R: Read>(self, txn: &'t R) -> Scan<'t, T::Key, T> {
        self.scan(txn, |of, _| Ok(Bounds::slot(of.index.slot)))
    }

    /// The rows whose indexed value is in a range: `a..b`, `a..=b`, `a..`, `..b`.
    pub fn range<'t, R: Read, Q: KeyLike<K>>(
        self,
        txn: &'t R,
        range: impl RangeBounds<Q>,
    ) -> Scan<'t, T::Key, T> {
        self.scan(txn, |of, rows| of.range_bounds(rows, &range))
    }

    /// The rows whose indexed value begins so: the beginning of a string, or the first elements of a tuple.
    pub fn prefix<'t, R: Read>(self, txn: &'t R, prefix: impl KeyPrefix<K>) -> Scan<'t, T::Key, T> {
        self.scan(txn, |of, rows| of.prefix_bounds(rows, &prefix))
    }

    /// Whether a row has this value.
    ///
    /// # Errors
    /// The store's own. No row is read.
    pub async fn contains<R: Read, Q: KeyLike<K> + ?Sized>(self, txn: &R, value: &Q) -> Result<bool> {
        Ok(!self.equal(txn, value).limit(1).keys().await?.is_empty())
    }

    /// How many entries the index has: as many as there are rows, unless it leaves some out or has several for some.
    ///
    /// # Errors
    /// The store's own. No row is read.
    pub async fn count<R: Read>(self, txn: &R) -> Result<u64> {
        let rows = Table::<T>::rows(txn)?;
        let of = self.of(&rows);
        let (ready, count) =
            join(require_ready(rows.view(txn), &of), rows.view(txn).count_entries(&of)).await;
        ready?;
        count
    }

    /// The changes of the rows that are in the index, or of some of them: those whose value lies in a range, say. A row
    /// that enters the range is put, one that leaves it is deleted, as far as the watch goes.
    ///
    /// It is the table that is watched, so all its changes travel, whatever the index leaves out; and the index may be
    /// one that is still being built.
    ///
    /// ```
    /// use futures_util::StreamExt as _;
    /// use txetcd_core::{Change, Database, Index, persist::Persist};
    ///
    /// async fn tell<Job: Persist>(db: &Database, by_state: Index<Job, String>) -> txetcd_core::client::Result<()> {
    ///     let mut changes = by_state.watch(db).equal("failed").stream().await?;
    ///     while let Some(change) = changes.next().await {
    ///         match change? {
    ///             Change::Put { revision, previous: None, .. } => println!("{revision}: a job has failed"),
    ///             Change::Put { revision, .. } => println!("{revision}: a failed job was changed"),
    ///             Change::Delete { revision, .. } => println!("{revision}: one less has failed"),
    ///             Change::Resync { .. } => println!("forget what you have, the failed jobs follow"),
    ///         }
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn watch<'d>(self, database: &'d Database) -> IndexWatch<'d, T, K, U> {
        IndexWatch::new(self, database)
    }

    /// The rows with this value, in the order of their primary keys.
    fn equal<'t, R: Read, Q: KeyLike<K> + ?Sized>(self, txn: &'t R, value: &Q) -> Scan<'t, T::Key, T> {
        self.scan(txn, |of, rows| of.value_bounds(rows, value))
    }

    fn scan<'t, R: Read>(
        self,
        txn: &'t R,
        bounds: impl FnOnce(&IndexOf, &Rows<T::Key, T>) -> Result<Bounds>,
    ) -> Scan<'t, T::Key, T> {
        let mut index = None;
        let rows = Table::<T>::rows(txn);
        Scan::of(rows, txn, |rows| {
            let of = index.insert(self.of(rows));
            bounds(of, rows)
        })
        .through(index)
    }

    fn of(self, rows: &Rows<T::Key, T>) -> IndexOf {
        IndexOf { slot: rows.slot, schema: rows.schema, index: *T::INDEXES[self.at].meta() }
    }
}

impl<T: Persist, K: Key> Index<T, K, Unique> {
    /// Reads the row that has this value.
    ///
    /// # Errors
    /// [`Error::is_decode`](txetcd_client::Error::is_decode) if the stored bytes are not a `T`; the store's own.
    pub async fn get<R: Read, Q: KeyLike<K> + ?Sized>(self, txn: &R, value: &Q) -> Result<Option<T>> {
        let rows = Table::<T>::rows(txn)?;
        let view = rows.view(txn);
        let Some(key) = self.owner(view, &rows, value).await? else { return Ok(None) };
        let row = view.get(key).await?;
        row.map(|row| rows.decode(&row)).transpose()
    }

    /// The primary key of the row that has this value. The row is not read.
    ///
    /// # Errors
    /// The store's own.
    pub async fn key<R: Read, Q: KeyLike<K> + ?Sized>(self, txn: &R, value: &Q) -> Result<Option<T::Key>> {
        let rows = Table::<T>::rows(txn)?;
        let key = self.owner(rows.view(txn), &rows, value).await?;
        key.map(|key| self.of(&rows).decode_primary(&key)).transpose()
    }

    async fn owner<Q: KeyLike<K> + ?Sized>(
        self,
        view: &View,
        rows: &Rows<T::Key, T>,
        value: &Q,
    ) -> Result<Option<Vec<u8>>> {
        let of = self.of(rows);
        let entry = of.key(rows, value)?;
        let (ready, owner) = join(require_ready(view, &of), view.owner(&of, entry)).await;
        ready?;
        owner
    }
}

impl<T: Persist, K: Key> Index<T, K, Many> {
    /// The rows that have this value, in the order of their primary keys: awaited as it is a `Vec` of them, and a
    /// [`Scan`] like others.
    pub fn get_all<'t, R: Read, Q: KeyLike<K> + ?Sized>(self, txn: &'t R, value: &Q) -> Scan<'t, T::Key, T> {
        self.equal(txn, value)
    }
}

impl<T, K, U> Clone for Index<T, K, U> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, K, U> Copy for Index<T, K, U> {}

impl<T: Persist, K, U> fmt::Debug for Index<T, K, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Index({}.{})", T::NAME, T::INDEXES[self.at].meta().name)
    }
}
