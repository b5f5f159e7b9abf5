//! [`Rows`]: how the rows of one table become bytes and back, and everything that is done with them.
//!
//! [`Table`](super::Table) and [`PMap`](super::PMap) are faces of this: they differ only in where the slot, the
//! name and the codec come from.

use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use txetcd_client::{Error, KeyValue, Result, error::Kind};

use crate::codec::CodecError;
use crate::engine::bounds::{Bounds, after};
use crate::engine::naming::{describe_row, table_name};
use crate::engine::schema::{Entry, Reference, TableSchema};
use crate::engine::view::{Row, View};
use crate::engine::write_set::{NewRow, PutLease};
use crate::key::row::row_key;
use crate::key::{Key, KeyError, KeyLike, KeyPrefix};
use crate::txn::{Read, WriteTxn};

/// Encodes a value; the second one is that which it replaces, where unknown fields are kept.
type Encode<V> = fn(&V, Option<&[u8]>) -> Result<Vec<u8>, CodecError>;

/// The rows of a table: values `V` under keys `K` in a slot.
pub(crate) struct Rows<K, V> {
    pub(crate) slot: u16,
    pub(crate) schema: &'static dyn TableSchema,
    pub(crate) encode: Encode<V>,
    pub(crate) decode: fn(&[u8]) -> Result<V, CodecError>,
    /// The entries of a row, which has this key, in the table's indexes.
    pub(crate) entries: fn(&V, &[u8]) -> Result<Vec<Entry>>,
    /// What a row, which has this key, refers to.
    pub(crate) references: fn(&V, &[u8]) -> Result<Vec<Reference>>,
    /// Whether a row that is read is wanted again when it is replaced.
    pub(crate) remembers: bool,
    pub(crate) keeps_unknown: bool,
    pub(crate) key: PhantomData<fn() -> K>,
}

impl<K, V> Clone for Rows<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Rows<K, V> {}

impl<K: Key, V: 'static> Rows<K, V> {
    pub(crate) fn put<Q: KeyLike<K> + ?Sized>(self, txn: &WriteTxn, key: &Q, value: &V) -> Result<()> {
        self.put_leased(txn, key, value, PutLease::Kept)
    }

    pub(super) fn put_leased<Q: KeyLike<K> + ?Sized>(
        self,
        txn: &WriteTxn,
        key: &Q,
        value: &V,
        lease: PutLease,
    ) -> Result<()> {
        let key = self.key(key)?;
        let view = self.view(txn);
        let before = if self.keeps_unknown { view.replaced(&key) } else { None };
        let row = self.new_row(&key, value, before.as_deref().map(KeyValue::value))?;
        view.put(key, NewRow { lease, ..row });
        Ok(())
    }

    pub(crate) fn insert<Q: KeyLike<K> + ?Sized>(self, txn: &WriteTxn, key: &Q, value: &V) -> Result<()> {
        self.insert_leased(txn, key, value, PutLease::Kept)
    }

    pub(super) fn insert_leased<Q: KeyLike<K> + ?Sized>(
        self,
        txn: &WriteTxn,
        key: &Q,
        value: &V,
        lease: PutLease,
    ) -> Result<()> {
        let key = self.key(key)?;
        let row = NewRow { lease, ..self.new_row(&key, value, None)? };
        self.view(txn).insert(key.clone(), row).map_err(|_| {
            let row = self.describe(&key);
            Error::new(Kind::AlreadyExists, format!("{row}: this transaction has put the row already"))
        })
    }

    pub(super) async fn get<R: Read, Q: KeyLike<K> + ?Sized>(self, txn: &R, key: &Q) -> Result<Option<V>> {
        let row = self.row(txn, key).await?;
        row.map(|row| self.decode(&row)).transpose()
    }

    pub(super) async fn get_many<R: Read, Q: KeyLike<K>>(
        self,
        txn: &R,
        keys: &[Q],
    ) -> Result<Vec<Option<V>>> {
        let keys = keys.iter().map(|key| self.key(key)).collect::<Result<Vec<_>>>()?;
        let rows = self.view(txn).get_many(keys).await?;
        rows.into_iter().map(|row| row.map(|row| self.decode(&row)).transpose()).collect()
    }

    pub(super) async fn contains<R: Read, Q: KeyLike<K> + ?Sized>(self, txn: &R, key: &Q) -> Result<bool> {
        Ok(self.row(txn, key).await?.is_some())
    }

    pub(super) fn delete<Q: KeyLike<K> + ?Sized>(self, txn: &WriteTxn, key: &Q) -> Result<()> {
        let key = self.key(key)?;
        self.view(txn).delete(key);
        Ok(())
    }

    pub(super) async fn take<Q: KeyLike<K> + ?Sized>(self, txn: &WriteTxn, key: &Q) -> Result<Option<V>> {
        let row = self.get(txn, key).await?;
        if row.is_some() {
            self.delete(txn, key)?;
        }
        Ok(row)
    }

    pub(super) fn truncate(self, txn: &WriteTxn) {
        let view = self.view(txn);
        view.clear(self.bounds());
        self.schema.indexes().iter().for_each(|index| view.clear(Bounds::slot(index.slot)));
    }

    pub(super) async fn count<R: Read>(self, txn: &R) -> Result<u64> {
        self.view(txn).count(self.bounds()).await
    }

    /// All etcd keys of the table.
    pub(crate) fn bounds(&self) -> Bounds {
        Bounds::slot(self.slot)
    }

    async fn row<R: Read, Q: KeyLike<K> + ?Sized>(self, txn: &R, key: &Q) -> Result<Option<Row>> {
        self.view(txn).get(self.key(key)?).await
    }

    /// The transaction's view, which now knows the table.
    pub(crate) fn view<R: Read>(self, txn: &R) -> &View {
        let view = txn.view();
        view.enlist(self.slot, self.schema);
        view
    }

    pub(super) fn key<Q: KeyLike<K> + ?Sized>(&self, key: &Q) -> Result<Vec<u8>> {
        row_key(self.slot, key).map_err(|error| self.no_form("key", error))
    }

    pub(super) fn range_bounds<Q: KeyLike<K>>(&self, range: &impl RangeBounds<Q>) -> Result<Bounds> {
        let all = self.bounds();
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

    pub(super) fn prefix_bounds(&self, prefix: &impl KeyPrefix<K>) -> Result<Bounds> {
        let mut start = self.slot.to_be_bytes().to_vec();
        prefix.encode_prefix(&mut start).map_err(|error| self.no_form("prefix", error))?;
        Ok(Bounds::prefix(start))
    }

    pub(crate) fn no_form(&self, what: &str, error: KeyError) -> Error {
        let table = table_name(self.slot, self.schema);
        Error::new(Kind::InvalidArgument, format!("{table}: the {what} has no encoded form: {error}"))
            .with_source(error)
    }

    /// A row as it is to be put at a key; the second value is that which it replaces, where unknown fields are kept.
    pub(crate) fn new_row(&self, key: &[u8], value: &V, before: Option<&[u8]>) -> Result<NewRow> {
        let (entries, references) = ((self.entries)(value, key)?, (self.references)(value, key)?);
        let value = self.encode(key, value, before)?;
        Ok(NewRow { value, entries, references, lease: PutLease::Kept })
    }

    fn encode(&self, key: &[u8], value: &V, before: Option<&[u8]>) -> Result<Vec<u8>> {
        (self.encode)(value, before).map_err(|error| {
            let row = self.describe(key);
            Error::new(Kind::InvalidArgument, format!("{row}: the row cannot be encoded: {error}"))
                .with_source(error)
        })
    }

    pub(crate) fn decode(&self, row: &Row) -> Result<V> {
        (self.decode)(row.value()).map_err(|error| {
            let described = self.describe(row.key());
            Error::new(
                Kind::Decode,
                format!(
                    "{described}: the stored value is not a {} as it is declared: {error}",
                    self.schema.name()
                ),
            )
            .with_source(error)
        })
    }

    pub(crate) fn decode_key(&self, row: &Row) -> Result<K> {
        K::decode(row.key().get(2..).unwrap_or_default()).map_err(|error| {
            let described = self.describe(row.key());
            Error::new(Kind::Decode, format!("{described}: the stored key is not one of this table: {error}"))
                .with_source(error)
        })
    }

    fn describe(&self, key: &[u8]) -> String {
        describe_row(key, self.schema)
    }
}
