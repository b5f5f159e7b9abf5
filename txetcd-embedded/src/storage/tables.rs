//! The tables' definitions, and [`Tables`]: what both views of them offer to readers.

use redb::{ReadableTable, TableDefinition};

/// The newest version of every key that exists.
pub(crate) const LIVE: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("live");
/// Versions that a put or a delete has ended, by the revision that made them.
pub(crate) const HISTORY: TableDefinition<'static, (&[u8], i64), &[u8]> = TableDefinition::new("history");
/// Changes in the order they were made: revision, and position within it.
pub(crate) const LOG: TableDefinition<'static, (i64, u32), &[u8]> = TableDefinition::new("log");
/// How many keys are live from each key up to the next one here.
pub(crate) const COUNTS: TableDefinition<'static, &[u8], u64> = TableDefinition::new("counts");
/// Seconds granted, and milliseconds that were left when this was last written.
pub(crate) const LEASES: TableDefinition<'static, i64, (i64, i64)> = TableDefinition::new("leases");
/// The keys attached to each lease.
pub(crate) const LEASE_KEYS: TableDefinition<'static, (i64, &[u8]), ()> = TableDefinition::new("lease_keys");
/// Numbers that describe the whole store.
pub(crate) const META: TableDefinition<'static, &str, i64> = TableDefinition::new("meta");

/// A state of the store that can be read.
pub(crate) trait Tables {
    fn live(&self) -> &impl ReadableTable<&'static [u8], &'static [u8]>;
    fn history(&self) -> &impl ReadableTable<(&'static [u8], i64), &'static [u8]>;
    fn log(&self) -> &impl ReadableTable<(i64, u32), &'static [u8]>;
    fn counts(&self) -> &impl ReadableTable<&'static [u8], u64>;
    fn leases(&self) -> &impl ReadableTable<i64, (i64, i64)>;
    fn lease_keys(&self) -> &impl ReadableTable<(i64, &'static [u8]), ()>;

    /// The newest revision that this state contains.
    fn revision(&self) -> i64;

    /// The oldest revision that can still be read; -1 before the first compaction, as in etcd.
    fn compacted(&self) -> i64;
}
