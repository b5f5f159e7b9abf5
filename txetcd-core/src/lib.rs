//! Keys, codecs, tables and the transaction engine of txetcd.
//!
//! Programs use the facade crate `txetcd`, which re-exports all of this.

mod catalogue;
pub mod codec;
mod database;
mod engine;
#[doc(hidden)]
pub mod evolution;
mod follow;
mod index;
pub mod key;
mod oid;
pub mod persist;
pub mod pmap;
mod reference;
mod table;
mod timestamp;
mod txn;

pub use catalogue::{IndexInfo, IndexState, TableInfo};
pub use database::{At, Database, DatabaseBuilder, Stale, Stats, Status};
pub use evolution::migrate::{Migrate, MigrateProgress};
pub use index::{
    Index, IndexDeclaration, IndexKeys, IndexReport, IndexValue, IndexWatch, Many, Rebuild, RebuildProgress,
    Unique, Verify,
};
pub use oid::Oid;
pub use reference::{OnDelete, ReferenceDeclaration, ReferenceKey, reference_key};
pub use table::live::{Live, LiveIter};
pub use table::scan::{Page, Scan, Token};
pub use table::watch::{Change, ChangeStream, Stored, TableWatch};
pub use table::{Leased, LeasedPMap, PMap, Table};
pub use timestamp::{Timestamp, TimestampError};
pub use txetcd_client as client;
pub use txn::{Read, ReadTxn, TxnFn, WriteTxn};
pub use uuid::Uuid;
