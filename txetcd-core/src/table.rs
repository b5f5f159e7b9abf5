//! [`Table`]: rows of one struct under one slot.
//!
//! A table turns keys and rows into bytes and back, and names itself in errors; everything else is done by the
//! transaction it is given. One-row operations are here, scans in [`scan`].

pub(crate) mod scan;

use std::fmt;
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use txetcd_client::{Error, Result, error::Kind};

use crate::codec::Codec as _;
use crate::engine::bounds::{Bounds, after};
use crate::engine::view::{Row, View, describe};
use crate::key::{Key, KeyLike, KeyPrefix};
use crate::persist::{Keyed, Persist};
use crate::txn::{Read, WriteTxn};
use scan::Scan;

/// The rows of type `T`. Made by `T::table()`; a value without state, to be copied freely.
///
/// Keys are given as `&K`, or in a borrowed form (`&str` for `String`).
pub struct Table<T> {
    rows: PhantomData<fn() -> T>,
}

impl<T: Persist> Table<T> {
    /// The table of `T`; `T::table()` calls this.
    pub const fn new() -> Self {
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
        let key = self.key(key)?;
        let value = self.encode(&key, row)?;
        self.view(txn).put(key, value);
        Ok(())
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
        let key = self.key(key)?;
        let value = self.encode(&key, row)?;
        self.view(txn).insert(key.clone(), value).map_err(|_| {
            let row = self.describe(&key);
            Error::new(Kind::AlreadyExists, format!("{row}: this transaction has put the row already"))
        })
    }

    /// Reads a row. Sees the transaction's own writes. What is asked for at the same moment travels together.
    ///
    /// # Errors
    /// [`Error::is_decode`] if the stored bytes are not a `T`; the store's own.
    pub async fn get<R: Read, Q: KeyLike<T::Key> + ?Sized>(&self, txn: &R, key: &Q) -> Result<Option<T>> {
        let row = self.row(txn, key).await?;
        row.map(|row| self.decode(&row)).transpose()
    }

    /// Reads rows, in one request; the answer is in the order of the keys.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn get_many<R: Read, Q: KeyLike<T::Key>>(&self, txn: &R, keys: &[Q]) -> Result<Vec<Option<T>>> {
        let keys = keys.iter().map(|key| self.key(key)).collect::<Result<Vec<_>>>()?;
        let rows = self.view(txn).get(keys).await?;
        rows.into_iter().map(|row| row.map(|row| self.decode(&row)).transpose()).collect()
    }

    /// Whether there is a row with this key.
    ///
    /// # Errors
    /// The store's own. The row is not decoded.
    pub async fn contains<R: Read, Q: KeyLike<T::Key> + ?Sized>(&self, txn: &R, key: &Q) -> Result<bool> {
        Ok(self.row(txn, key).await?.is_some())
    }

    /// Deletes a row, if it is there. Buffered.
    ///
    /// # Errors
    /// If the key has no encoded form.
    pub fn delete<Q: KeyLike<T::Key> + ?Sized>(&self, txn: &WriteTxn, key: &Q) -> Result<()> {
        let key = self.key(key)?;
        self.view(txn).delete(key);
        Ok(())
    }

    /// Reads a row and deletes it.
    ///
    /// # Errors
    /// As [`get`](Self::get); then nothing is deleted.
    pub async fn take<Q: KeyLike<T::Key> + ?Sized>(&self, txn: &WriteTxn, key: &Q) -> Result<Option<T>> {
        let row = self.get(txn, key).await?;
        if row.is_some() {
            self.delete(txn, key)?;
        }
        Ok(row)
    }

    /// Deletes all rows, in one operation. Buffered.
    ///
    /// # Errors
    /// None today.
    pub async fn truncate(&self, txn: &WriteTxn) -> Result<()> {
        self.view(txn).clear(Self::bounds());
        Ok(())
    }

    /// How many rows there are. In a transaction that writes, the keys are read for it.
    ///
    /// # Errors
    /// The store's own.
    pub async fn count<R: Read>(&self, txn: &R) -> Result<u64> {
        self.view(txn).count(Self::bounds()).await
    }

    /// All rows, in the order of their keys.
    pub fn all<'t, R: Read>(&self, txn: &'t R) -> Scan<'t, T> {
        Scan::new(self.view(txn), Ok(Self::bounds()))
    }

    /// The rows whose keys are in a range: `a..b`, `a..=b`, `a..`, `..b`.
    pub fn range<'t, R: Read, Q: KeyLike<T::Key>>(
        &self,
        txn: &'t R,
        range: impl RangeBounds<Q>,
    ) -> Scan<'t, T> {
        Scan::new(self.view(txn), self.range_bounds(&range))
    }

    /// The rows whose keys begin so: the beginning of a string, or the first elements of a tuple.
    pub fn prefix<'t, R: Read>(&self, txn: &'t R, prefix: impl KeyPrefix<T::Key>) -> Scan<'t, T> {
        Scan::new(self.view(txn), self.prefix_bounds(&prefix))
    }

    async fn row<R: Read, Q: KeyLike<T::Key> + ?Sized>(&self, txn: &R, key: &Q) -> Result<Option<Row>> {
        let keys = vec![self.key(key)?];
        Ok(self.view(txn).get(keys).await?.pop().flatten())
    }

    /// The transaction's view, which now knows the table's name.
    fn view<'t, R: Read>(&self, txn: &'t R) -> &'t View {
        let view = txn.view();
        view.name_table(T::SLOT, T::NAME);
        view
    }

    /// All etcd keys of the table.
    fn bounds() -> Bounds {
        Bounds::new(T::SLOT.to_be_bytes().to_vec(), (T::SLOT + 1).to_be_bytes().to_vec())
    }

    fn key<Q: KeyLike<T::Key> + ?Sized>(&self, key: &Q) -> Result<Vec<u8>> {
        let mut bytes = T::SLOT.to_be_bytes().to_vec();
        key.encode_key(&mut bytes).map_err(|error| {
            Error::new(
                Kind::InvalidArgument,
                format!("{} (slot {}): the key has no encoded form: {error}", T::NAME, T::SLOT),
            )
            .with_source(error)
        })?;
        Ok(bytes)
    }

    fn range_bounds<Q: KeyLike<T::Key>>(&self, range: &impl RangeBounds<Q>) -> Result<Bounds> {
        let all = Self::bounds();
        let start = match range.start_bound() {
            Bound::Included(key) => self.key(key)?,
            Bound::Excluded(key) => after(&self.key(key)?),
            Bound::Unbounded => all.start,
        };
        let end = match range.end_bound() {
            Bound::Included(key) => after(&self.key(key)?),
            Bound::Excluded(key) => self.key(key)?,
            Bound::Unbounded => all.end,
        };
        Ok(Bounds::new(start, end))
    }

    fn prefix_bounds(&self, prefix: &impl KeyPrefix<T::Key>) -> Result<Bounds> {
        let mut start = T::SLOT.to_be_bytes().to_vec();
        prefix.encode_prefix(&mut start).map_err(|error| {
            Error::new(
                Kind::InvalidArgument,
                format!("{} (slot {}): the prefix has no encoded form: {error}", T::NAME, T::SLOT),
            )
            .with_source(error)
        })?;
        Ok(Bounds::prefix(start))
    }

    fn encode(&self, key: &[u8], row: &T) -> Result<Vec<u8>> {
        let mut value = Vec::new();
        T::Codec::encode(row, &mut value).and_then(|()| T::COMPRESSION.compress(value)).map_err(|error| {
            let row = self.describe(key);
            Error::new(Kind::InvalidArgument, format!("{row}: the row cannot be encoded: {error}"))
                .with_source(error)
        })
    }

    pub(crate) fn decode(&self, row: &Row) -> Result<T> {
        T::COMPRESSION.decompress(row.value()).and_then(|value| T::Codec::decode(&value)).map_err(|error| {
            let row = self.describe(row.key());
            Error::new(
                Kind::Decode,
                format!("{row}: the stored value is not a {} as it is declared: {error}", T::NAME),
            )
            .with_source(error)
        })
    }

    pub(crate) fn decode_key(&self, row: &Row) -> Result<T::Key> {
        T::Key::decode(row.key().get(2..).unwrap_or_default()).map_err(|error| {
            let row = self.describe(row.key());
            Error::new(Kind::Decode, format!("{row}: the stored key is not one of this table: {error}"))
                .with_source(error)
        })
    }

    fn describe(&self, key: &[u8]) -> String {
        describe(key, &[(T::SLOT, T::NAME)].into())
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
        write!(f, "Table({}, slot {})", T::NAME, T::SLOT)
    }
}
