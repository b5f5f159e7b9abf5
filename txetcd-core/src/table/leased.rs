//! [`Leased`] and [`LeasedPMap`]: a table whose rows are put under a lease.

use std::fmt;
use std::time::Duration;

use txetcd_client::{Lease, Result};

use super::{PMap, Table};
use crate::codec::Codec;
use crate::engine::write_set::PutLease;
use crate::key::{Key, KeyLike};
use crate::persist::{Keyed, Persist};
use crate::txn::WriteTxn;

/// How long rows that are put live.
#[derive(Debug, Clone, Copy)]
enum Life<'l> {
    /// So long from the commit on.
    For(Duration),
    /// As long as this lease.
    With(&'l Lease),
}

impl Life<'_> {
    /// What the put says, once the transaction knows the lease.
    fn lease(self, txn: &WriteTxn) -> Result<PutLease> {
        match self {
            Self::For(ttl) => Ok(PutLease::For(ttl)),
            Self::With(lease) => {
                txn.give(lease)?;
                Ok(PutLease::Set(lease.id()))
            }
        }
    }
}

/// A [`Table`] whose rows vanish with a lease. Made by [`Table::with_ttl`] and [`Table::with_lease`].
///
/// A row's index entries vanish with it. Later puts of the row that go through [`Table`] keep the lease, if the
/// transaction has read the row.
pub struct Leased<'l, T> {
    table: Table<T>,
    life: Life<'l>,
}

/// A [`PMap`] whose values vanish with a lease. Made by [`PMap::with_ttl`] and [`PMap::with_lease`].
pub struct LeasedPMap<'l, K, V, C> {
    map: PMap<K, V, C>,
    life: Life<'l>,
}

impl<T: Persist> Table<T> {
    /// The same table, whose rows vanish so long after the commit (whole seconds, rounded up; etcd grants two at
    /// least). Rows that one transaction puts with the same time share a lease, which is granted right before the commit.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use txetcd_core::{Database, Table, client::Error, persist::{Keyed, Persist}};
    /// # async fn example<User: Persist + Keyed>(db: &Database, users: Table<User>, user: User) -> Result<(), Error> {
    /// db.write(async |txn| users.with_ttl(Duration::from_secs(60)).put(txn, &user)).await?;
    ///
    /// let session = db.client().session(Duration::from_secs(10)).await?;
    /// db.write(async |txn| users.with_lease(session.lease()).put(txn, &user)).await?; // as long as the session lives
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_ttl(&self, ttl: Duration) -> Leased<'static, T> {
        Leased { table: *self, life: Life::For(ttl) }
    }

    /// The same table, whose rows vanish with this lease; a session has one. The commit fails with
    /// [`Error::is_not_found`](txetcd_client::Error::is_not_found) if the lease has ended.
    pub fn with_lease<'l>(&self, lease: &'l Lease) -> Leased<'l, T> {
        Leased { table: *self, life: Life::With(lease) }
    }
}

impl<K: Key, V: Send + Sync + 'static, C: Codec<V>> PMap<K, V, C> {
    /// The same map, whose values vanish so long after the commit; see [`Table::with_ttl`].
    pub fn with_ttl(&self, ttl: Duration) -> LeasedPMap<'static, K, V, C> {
        LeasedPMap { map: *self, life: Life::For(ttl) }
    }

    /// The same map, whose values vanish with this lease; see [`Table::with_lease`].
    pub fn with_lease<'l>(&self, lease: &'l Lease) -> LeasedPMap<'l, K, V, C> {
        LeasedPMap { map: *self, life: Life::With(lease) }
    }
}

impl<T: Persist> Leased<'_, T> {
    /// As [`Table::put`], under the lease.
    ///
    /// # Errors
    /// As [`Table::put`]; `is_invalid_argument` if the lease is one of another connection.
    pub fn put(&self, txn: &WriteTxn, row: &T) -> Result<()>
    where
        T: Keyed,
    {
        self.put_at(txn, row.key(), row)
    }

    /// As [`Table::put_at`], under the lease.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn put_at<Q: KeyLike<T::Key> + ?Sized>(&self, txn: &WriteTxn, key: &Q, row: &T) -> Result<()> {
        Table::<T>::rows(txn)?.put_leased(txn, key, row, self.life.lease(txn)?)
    }

    /// As [`Table::insert`], under the lease.
    ///
    /// # Errors
    /// As [`Table::insert`]; `is_invalid_argument` if the lease is one of another connection.
    pub fn insert(&self, txn: &WriteTxn, row: &T) -> Result<()>
    where
        T: Keyed,
    {
        self.insert_at(txn, row.key(), row)
    }

    /// As [`Table::insert_at`], under the lease.
    ///
    /// # Errors
    /// As [`insert`](Self::insert).
    pub fn insert_at<Q: KeyLike<T::Key> + ?Sized>(&self, txn: &WriteTxn, key: &Q, row: &T) -> Result<()> {
        Table::<T>::rows(txn)?.insert_leased(txn, key, row, self.life.lease(txn)?)
    }
}

impl<K: Key, V: Send + Sync + 'static, C: Codec<V>> LeasedPMap<'_, K, V, C> {
    /// As [`PMap::put`], under the lease.
    ///
    /// # Errors
    /// As [`PMap::put`]; `is_invalid_argument` if the lease is one of another connection.
    pub fn put<Q: KeyLike<K> + ?Sized>(&self, txn: &WriteTxn, key: &Q, value: &V) -> Result<()> {
        self.map.rows().put_leased(txn, key, value, self.life.lease(txn)?)
    }

    /// As [`PMap::insert`], under the lease.
    ///
    /// # Errors
    /// As [`PMap::insert`]; `is_invalid_argument` if the lease is one of another connection.
    pub fn insert<Q: KeyLike<K> + ?Sized>(&self, txn: &WriteTxn, key: &Q, value: &V) -> Result<()> {
        self.map.rows().insert_leased(txn, key, value, self.life.lease(txn)?)
    }
}

impl<T> Clone for Leased<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Leased<'_, T> {}

impl<K, V, C> Clone for LeasedPMap<'_, K, V, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V, C> Copy for LeasedPMap<'_, K, V, C> {}

impl<T: Persist> fmt::Debug for Leased<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leased").field("table", &self.table).field("life", &self.life).finish()
    }
}

impl<K, V, C> fmt::Debug for LeasedPMap<'_, K, V, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LeasedPMap").field("map", &self.map).field("life", &self.life).finish()
    }
}
