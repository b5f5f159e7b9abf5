//! [`Table`]: rows of one struct under one slot.
//!
//! Everything that is done with rows is in `table/rows.rs`, scans in `table/scan.rs`; a table only says where the
//! slot, the name and the codec come from: the struct's declaration. [`PMap`] is the same without a struct.

mod leased;
pub(crate) mod live;
mod pmap;
pub(crate) mod rows;
pub(crate) mod scan;
pub(crate) mod watch;

use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeBounds;

use txetcd_client::{Error, Result, error::Kind};

use crate::catalogue::slots::Slots;
use crate::database::Database;
use crate::evolution::{decode_row, encode_row};
use crate::index::declaration::{entries_of, references_of, schema_of};
use crate::key::{KeyLike, KeyPrefix};
use crate::persist::{Keyed, Persist, Place};
use crate::txn::{Read, WriteTxn};
use live::Live;
use rows::Rows;
use scan::Scan;
use watch::TableWatch;

pub use leased::{Leased, LeasedPMap};
pub use pmap::PMap;

/// The rows of type `T`. Made by `T::table()`; a value without state, to be copied freely.
///
/// Keys are given as `&K`, or in a borrowed form (`&str` for `String`).
pub struct Table<T> {
    rows: PhantomData<fn() -> T>,
}

impl<T: Persist> Table<T> {
    /// The table of `T`; `T::table()` calls this.
    pub const fn new() -> Self {
        const { assert!(!matches!(T::PLACE, Place::Slot(0 | u16::MAX)), "a slot is a number from 1 to 65534") };
        Self { rows: PhantomData }
    }

    /// Writes a row, whether or not there is one with its key. Buffered: nothing is sent before the commit. A
    /// row that the transaction has read keeps its lease.
    ///
    /// # Errors
    /// If the row or its key has no encoded form.
    pub fn put(&self, txn: &WriteTxn, row: &T) -> Result<()>
    where
        T: Keyed,
    {
        self.put_at(txn, row.key(), row)
    }

    /// As [`put`](Self::put), at a key that is not a field of the row.
    ///
    /// # Errors
    /// If the row or its key has no encoded form.
    pub fn put_at<Q: KeyLike<T::Key> + ?Sized>(&self, txn: &WriteTxn, key: &Q, row: &T) -> Result<()> {
        Self::rows(txn)?.put(txn, key, row)
    }

    /// Writes a row that must not be there yet. Buffered: whether it is there is found out at commit, which
    /// then fails with [`Error::is_already_exists`].
    ///
    /// # Errors
    /// [`Error::is_already_exists`] if this transaction has put the row already; or if the row or its key has
    /// no encoded form.
    pub fn insert(&self, txn: &WriteTxn, row: &T) -> Result<()>
    where
        T: Keyed,
    {
        self.insert_at(txn, row.key(), row)
    }

    /// As [`insert`](Self::insert), at a key that is not a field of the row.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn insert_at<Q: KeyLike<T::Key> + ?Sized>(&self, txn: &WriteTxn, key: &Q, row: &T) -> Result<()> {
        Self::rows(txn)?.insert(txn, key, row)
    }

    /// Reads a row. Sees the transaction's own writes. What is asked for at the same moment travels together.
    ///
    /// # Errors
    /// [`Error::is_decode`] if the stored bytes are not a `T`; the store's own.
    pub async fn get<R: Read, Q: KeyLike<T::Key> + ?Sized>(self, txn: &R, key: &Q) -> Result<Option<T>> {
        Self::rows(txn)?.get(txn, key).await
    }

    /// Reads rows, in one request; the answer is in the order of the keys.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn get_many<R: Read, Q: KeyLike<T::Key>>(self, txn: &R, keys: &[Q]) -> Result<Vec<Option<T>>> {
        Self::rows(txn)?.get_many(txn, keys).await
    }

    /// Whether there is a row with this key.
    ///
    /// # Errors
    /// The store's own. The row is not decoded.
    pub async fn contains<R: Read, Q: KeyLike<T::Key> + ?Sized>(self, txn: &R, key: &Q) -> Result<bool> {
        Self::rows(txn)?.contains(txn, key).await
    }

    /// Deletes a row, if it is there. Buffered.
    ///
    /// # Errors
    /// If the key has no encoded form.
    pub fn delete<Q: KeyLike<T::Key> + ?Sized>(&self, txn: &WriteTxn, key: &Q) -> Result<()> {
        Self::rows(txn)?.delete(txn, key)
    }

    /// Reads a row and deletes it.
    ///
    /// # Errors
    /// As [`get`](Self::get); then nothing is deleted.
    pub async fn take<Q: KeyLike<T::Key> + ?Sized>(self, txn: &WriteTxn, key: &Q) -> Result<Option<T>> {
        Self::rows(txn)?.take(txn, key).await
    }

    /// Deletes all rows, and the entries of all indexes. Buffered. It is one operation for the table and one for each
    /// index, and one more for each row and entry that the transaction puts into them afterwards.
    ///
    /// # Errors
    /// None today.
    pub async fn truncate(self, txn: &WriteTxn) -> Result<()> {
        Self::rows(txn)?.truncate(txn);
        Ok(())
    }

    /// How many rows there are. In a transaction that writes, the keys are read for it.
    ///
    /// # Errors
    /// The store's own.
    pub async fn count<R: Read>(self, txn: &R) -> Result<u64> {
        Self::rows(txn)?.count(txn).await
    }

    /// All rows, in the order of their keys.
    pub fn all<'t, R: Read>(&self, txn: &'t R) -> Scan<'t, T::Key, T> {
        Scan::of(Self::rows(txn), txn, |rows| Ok(rows.bounds()))
    }

    /// The rows whose keys are in a range: `a..b`, `a..=b`, `a..`, `..b`.
    pub fn range<'t, R: Read, Q: KeyLike<T::Key>>(
        &self,
        txn: &'t R,
        range: impl RangeBounds<Q>,
    ) -> Scan<'t, T::Key, T> {
        Scan::of(Self::rows(txn), txn, |rows| rows.range_bounds(&range))
    }

    /// The rows whose keys begin so: the beginning of a string, or the first elements of a tuple.
    pub fn prefix<'t, R: Read>(&self, txn: &'t R, prefix: impl KeyPrefix<T::Key>) -> Scan<'t, T::Key, T> {
        Scan::of(Self::rows(txn), txn, |rows| rows.prefix_bounds(&prefix))
    }

    /// The changes of the rows.
    ///
    /// ```
    /// use futures_util::StreamExt as _;
    /// use txetcd_core::{Change, Database, Table, persist::Persist};
    ///
    /// async fn tell<User: Persist>(db: &Database, users: Table<User>) -> txetcd_core::client::Result<()> {
    ///     let mut changes = users.watch(db).stream().await?;
    ///     while let Some(change) = changes.next().await {
    ///         match change? {
    ///             Change::Put { revision, previous: None, .. } => println!("{revision}: a new row"),
    ///             Change::Put { revision, .. } => println!("{revision}: a row was changed"),
    ///             Change::Delete { revision, .. } => println!("{revision}: a row was deleted"),
    ///             Change::Resync { revision } => println!("{revision}: forget what you have, the rows follow"),
    ///         }
    ///     }
    ///     Ok(())
    /// }
    /// ```
    pub fn watch<'d>(&self, database: &'d Database) -> TableWatch<'d, T> {
        TableWatch::of(database, Self::rows_in(database.slots()))
    }

    /// The rows in memory, kept up to date. Returns when they have been read.
    ///
    /// # Errors
    /// As for any read.
    pub async fn live(&self, database: &Database) -> Result<Live<T>> {
        Live::open(database, Self::rows_in(database.slots())?).await
    }

    pub(crate) fn rows<R: Read>(txn: &R) -> Result<Rows<T::Key, T>> {
        Self::rows_in(txn.view().slots())
    }

    fn rows_in(slots: &Slots) -> Result<Rows<T::Key, T>> {
        let slot = slots.resolve(T::PLACE).ok_or_else(|| not_attached(T::NAME))?;
        Ok(Rows::of(slot))
    }
}

/// The error of a table whose slot is in the catalogue and was not looked up.
pub(crate) fn not_attached(name: &str) -> Error {
    Error::new(
        Kind::InvalidArgument,
        format!(
            "{name}: its slot is in the catalogue: call `db.attach::<{name}>().await?` once after connecting"
        ),
    )
}

impl<T: Persist> Rows<T::Key, T> {
    /// The rows of `T`, whose table is in this slot.
    pub(crate) fn of(slot: u16) -> Self {
        Self {
            slot,
            schema: schema_of::<T>(),
            encode: encode_row,
            decode: decode_row,
            entries: entries_of::<T>,
            references: references_of::<T>,
            remembers: T::KEEPS_UNKNOWN || !T::INDEXES.is_empty(),
            keeps_unknown: T::KEEPS_UNKNOWN,
            key: PhantomData,
        }
    }
}

impl<T: Persist> Default for Table<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Clone for Table<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Table<T> {}

impl<T: Persist> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({}, {:?})", T::NAME, T::PLACE)
    }
}
