//! Copying a state, with all of its history, into a database without holes.

use std::borrow::Borrow;

use redb::{Database, Key, ReadableTable, TableDefinition, Value, WriteTransaction};

use super::error::StorageError;
use super::meta::{self, Meta};
use super::snapshot::Snapshot;
use super::tables::{COUNTS, HISTORY, LEASE_KEYS, LEASES, LIVE, LOG, Tables};

/// Fills an empty database with a state, and makes that durable.
pub(crate) fn fill(database: &mut Database, from: &Snapshot, meta: Meta) -> Result<(), StorageError> {
    let transaction = database.begin_write()?;
    meta::describe(&transaction, meta)?;
    table(&transaction, LIVE, from.live())?;
    table(&transaction, HISTORY, from.history())?;
    table(&transaction, LOG, from.log())?;
    table(&transaction, COUNTS, from.counts())?;
    table(&transaction, LEASES, from.leases())?;
    table(&transaction, LEASE_KEYS, from.lease_keys())?;
    transaction.commit()?;
    // The file has grown in large steps.
    database.compact()?;
    Ok(())
}

fn table<K, V>(
    transaction: &WriteTransaction,
    definition: TableDefinition<'_, K, V>,
    from: &impl ReadableTable<K, V>,
) -> Result<(), StorageError>
where
    K: Key + 'static,
    V: Value + 'static,
    for<'k> K::SelfType<'k>: Borrow<K::SelfType<'k>>,
    for<'v> V::SelfType<'v>: Borrow<V::SelfType<'v>>,
{
    let mut to = transaction.open_table(definition)?;
    for entry in from.iter()? {
        let (key, value) = entry?;
        to.insert(key.value(), value.value())?;
    }
    Ok(())
}
