//! [`PMap`]: a table without a struct of its own.

use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeBounds;

use txetcd_client::Result;

use super::live::Live;
use super::rows::Rows;
use super::scan::Scan;
use super::watch::TableWatch;
use crate::codec::Codec;
use crate::database::Database;
use crate::engine::schema::Unindexed;
use crate::key::{Key, KeyLike, KeyPrefix};
use crate::txn::{Read, WriteTxn};

/// Values `V` under keys `K` in a slot, in the format of codec `C`; the "persistent map" of the Python library.
///
/// A value without much state, to be copied freely. It offers what a [`Table`](crate::Table) does, with keys
/// given beside values.
///
/// ```
/// use txetcd_core::{PMap, codec::Utf8};
/// const NAMES: PMap<u32, String, Utf8> = PMap::at(7);
/// # async fn program(db: txetcd_core::Database) -> txetcd_core::client::Result<()> {
/// db.write(async |txn| NAMES.put(txn, &1, &"one".to_owned())).await
/// # }
/// ```
pub struct PMap<K, V, C> {
    slot: u16,
    types: Types<K, V, C>,
}

type Types<K, V, C> = PhantomData<fn() -> (K, V, C)>;

impl<K: Key, V: Send + Sync + 'static, C: Codec<V>> PMap<K, V, C> {
    /// The map in this slot, `1..=65534`.
    ///
    /// # Panics
    /// If the slot is 0, which is the catalogue, or 65535, which is the library's own. In a `const` that is a
    /// compile error.
    pub const fn at(slot: u16) -> Self {
        assert!(slot != 0 && slot != u16::MAX, "a slot is a number from 1 to 65534");
        Self { slot, types: PhantomData }
    }

    /// The map's slot.
    pub const fn slot(&self) -> u16 {
        self.slot
    }

    /// Writes a value, whether or not there is one at the key. Buffered: nothing is sent before the commit.
    ///
    /// # Errors
    /// If the key or value has no encoded form.
    pub fn put<Q: KeyLike<K> + ?Sized>(&self, txn: &WriteTxn, key: &Q, value: &V) -> Result<()> {
        self.rows().put(txn, key, value)
    }

    /// Writes a value where there must be none yet. Buffered: whether there is one is found out at commit.
    ///
    /// # Errors
    /// `is_already_exists` if this transaction has put one already; or if the key or value has no encoded form.
    pub fn insert<Q: KeyLike<K> + ?Sized>(&self, txn: &WriteTxn, key: &Q, value: &V) -> Result<()> {
        self.rows().insert(txn, key, value)
    }

    /// Reads a value. Sees the transaction's own writes.
    ///
    /// # Errors
    /// `is_decode` if the stored bytes are not a `V`; the store's own.
    pub async fn get<R: Read, Q: KeyLike<K> + ?Sized>(self, txn: &R, key: &Q) -> Result<Option<V>> {
        self.rows().get(txn, key).await
    }

    /// Reads values, in one request; the answer is in the order of the keys.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn get_many<R: Read, Q: KeyLike<K>>(self, txn: &R, keys: &[Q]) -> Result<Vec<Option<V>>> {
        self.rows().get_many(txn, keys).await
    }

    /// Whether there is a value at this key.
    ///
    /// # Errors
    /// The store's own. The value is not decoded.
    pub async fn contains<R: Read, Q: KeyLike<K> + ?Sized>(self, txn: &R, key: &Q) -> Result<bool> {
        self.rows().contains(txn, key).await
    }

    /// Deletes a value, if it is there. Buffered.
    ///
    /// # Errors
    /// If the key has no encoded form.
    pub fn delete<Q: KeyLike<K> + ?Sized>(&self, txn: &WriteTxn, key: &Q) -> Result<()> {
        self.rows().delete(txn, key)
    }

    /// Reads a value and deletes it.
    ///
    /// # Errors
    /// As [`get`](Self::get); then nothing is deleted.
    pub async fn take<Q: KeyLike<K> + ?Sized>(self, txn: &WriteTxn, key: &Q) -> Result<Option<V>> {
        self.rows().take(txn, key).await
    }

    /// Deletes all values, in one operation. Buffered.
    ///
    /// # Errors
    /// None today.
    pub async fn truncate(self, txn: &WriteTxn) -> Result<()> {
        self.rows().truncate(txn);
        Ok(())
    }

    /// How many values there are. In a transaction that writes, the keys are read for it.
    ///
    /// # Errors
    /// The store's own.
    pub async fn count<R: Read>(self, txn: &R) -> Result<u64> {
        self.rows().count(txn).await
    }

    /// All values, in the order of their keys.
    pub fn all<'t, R: Read>(&self, txn: &'t R) -> Scan<'t, K, V> {
        Scan::of(Ok(self.rows()), txn, |rows| Ok(rows.bounds()))
    }

    /// The values whose keys are in a range: `a..b`, `a..=b`, `a..`, `..b`.
    pub fn range<'t, R: Read, Q: KeyLike<K>>(
        &self,
        txn: &'t R,
        range: impl RangeBounds<Q>,
    ) -> Scan<'t, K, V> {
        Scan::of(Ok(self.rows()), txn, |rows| rows.range_bounds(&range))
    }

    /// The values whose keys begin so: the beginning of a string, or the first elements of a tuple.
    pub fn prefix<'t, R: Read>(&self, txn: &'t R, prefix: impl KeyPrefix<K>) -> Scan<'t, K, V> {
        Scan::of(Ok(self.rows()), txn, |rows| rows.prefix_bounds(&prefix))
    }

    /// The changes of the values, as those of [`Table::watch`](crate::Table::watch).
    pub fn watch<'d>(&self, database: &'d Database) -> TableWatch<'d, Self> {
        TableWatch::of(database, Ok(self.rows()))
    }

    /// The values in memory, kept up to date. Returns when they have been read.
    ///
    /// # Errors
    /// As for any read.
    pub async fn live(&self, database: &Database) -> Result<Live<Self>> {
        Live::open(database, self.rows()).await
    }

    pub(super) fn rows(&self) -> Rows<K, V> {
        Rows {
            slot: self.slot,
            schema: &Unindexed { name: "map", cached: false },
            encode: |value, _| {
                let mut bytes = Vec::new();
                C::encode(value, &mut bytes)?;
                Ok(bytes)
            },
            decode: C::decode,
            entries: |_, _| Ok(Vec::new()),
            references: |_, _| Ok(Vec::new()),
            remembers: false,
            keeps_unknown: false,
            key: PhantomData,
        }
    }
}

impl<K, V, C> Clone for PMap<K, V, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V, C> Copy for PMap<K, V, C> {}

impl<K, V, C> fmt::Debug for PMap<K, V, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PMap(slot {})", self.slot)
    }
}
